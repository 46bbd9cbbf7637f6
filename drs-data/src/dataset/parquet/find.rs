//! The files of a split, as the Hugging Face hub lays them out.

use std::collections::BTreeMap;
use std::fs::{DirEntry, read_dir};
use std::path::{Path, PathBuf};

use super::shard::Shard;
use crate::dataset::{OpenOptions, splits};
use crate::error::DataError;
use crate::image::has_image_name;

/// Where the hub keeps the files of a data set that has one configuration.
const DATA: &str = "data";
/// What the hub calls that configuration.
const DEFAULT: &str = "default";

/// Files by configuration and split.
type Found = BTreeMap<String, BTreeMap<String, Vec<Shard>>>;

/// The shards of the split in their order; `None` if the path is no parquet file and no folder
/// that holds any.
pub(super) fn files(path: &Path, options: &OpenOptions) -> Result<Option<Vec<PathBuf>>, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    if !path.is_dir() {
        if !is_parquet(path) {
            return Ok(None);
        }
        options.only(path, &[])?;
        return Ok(Some(vec![path.to_owned()]));
    }
    let mut found = Found::new();
    add(path, path, &mut found);
    for below in folders(path) {
        add(path, &below, &mut found);
        folders(&below).iter().for_each(|folder| add(path, folder, &mut found));
    }
    let Some(first) = found.keys().next() else { return Ok(None) };
    options.only(path, &["--configuration"])?;
    let list = found.keys().cloned().collect::<Vec<_>>().join(", ");
    let usage = |problem: String| DataError::usage(path, problem);
    let chosen = match &options.configuration {
        Some(name) => name,
        None if found.len() == 1 => first,
        None => {
            return Err(usage(format!(
                "several configurations found: choose one with --configuration ({list})"
            )));
        }
    };
    let parts = found
        .get(chosen)
        .ok_or_else(|| usage(format!("--configuration {chosen} found, expected one of {list}")))?;
    let split = options.split.as_str();
    let shards = splits::names(split).into_iter().find_map(|name| parts.get(name));
    let shards = shards
        .ok_or_else(|| fail(splits::absent(split, &parts.keys().cloned().collect::<Vec<_>>())))?;
    Shard::in_order(shards).map(Some).map_err(|problem| fail(format!("{split}: {problem}")))
}

/// Adds the parquet files of a folder, which is `root` or below it.
fn add(root: &Path, folder: &Path, found: &mut Found) {
    for path in parquets(folder, folder == root) {
        let shard = Shard::of(path);
        // Below the configuration there may be a folder for each split.
        let place = if shard.split.is_none() { folder.parent().unwrap_or(folder) } else { folder };
        let configuration = match place.strip_prefix(root) {
            Ok(below) if below == Path::new("") || below == Path::new(DATA) => DEFAULT.to_owned(),
            Ok(_) => name(place),
            Err(_) => DEFAULT.to_owned(),
        };
        let split = shard.split.clone().unwrap_or_else(|| name(folder));
        found.entry(configuration).or_default().entry(split).or_default().push(shard);
    }
}

/// The parquet files in a folder. One that begins with images is a class: it may be large, and
/// is left at its first image, unless it is where the data is said to be.
fn parquets(folder: &Path, is_root: bool) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in entries(folder) {
        let path = entry.path();
        if is_parquet(&path) && !name(&path).starts_with('.') && !path.is_dir() {
            files.push(path);
        } else if !is_root && has_image_name(&path) {
            break;
        }
    }
    files
}

/// The folders in a folder, but for hidden ones.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let is_folder = |entry: &DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
        Ok(kind) => kind.is_dir(),
        Err(_) => false,
    };
    let mut folders = Vec::new();
    for entry in entries(folder) {
        if is_folder(&entry) {
            if !name(&entry.path()).starts_with('.') {
                folders.push(entry.path());
            }
        } else if has_image_name(&entry.path()) {
            break;
        }
    }
    folders
}

fn entries(folder: &Path) -> impl Iterator<Item = DirEntry> {
    read_dir(folder).into_iter().flatten().flatten()
}

fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
