//! `drs expert pack`: a package of a pool, a crate or a library.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::{Args as _, FromArgMatches as _};
use drs_packages::{Manifest, Package, TARGET, Variant};
use drs_progress::{out, say};

use super::author::{Author, FILE};
use super::metric;
use super::pool::{self, variant};
use crate::args::{CheckArgs, PackArgs};
use crate::exit;
use crate::expert::check;

/// Files beside what is packed that go along: their names begin so.
const ALONG: [&str; 5] = ["README", "LICENSE", "LICENCE", "COPYING", "NOTICE"];

pub(crate) fn run(args: &PackArgs) -> anyhow::Result<u8> {
    let path = &args.path;
    if !args.merge.is_empty() {
        return merge(args);
    }
    let is_crate = path.is_dir() && path.join("Cargo.toml").is_file();
    let is_library = path.is_file() && drs_router::plugin_name(path).is_some();
    let work = tempfile::tempdir().context("no folder for temporary files")?;
    let (mut manifest, mut files, folder);
    if is_crate || is_library {
        if !args.certificates.is_empty() {
            bail!("--certificates: a plugin has none, expected a pool");
        }
        let library = if is_crate { build(path)? } else { path.clone() };
        folder = if is_crate { path.clone() } else { parent(path) };
        let author = if is_crate { Author::of_crate(path)? } else { Author::beside(&folder)? };
        manifest = author.manifest(args)?;
        let plugin = drs_router::plugin_name(&library)
            .with_context(|| format!("{}: not a library of an expert", library.display()))?;
        let inside = format!("native/{TARGET}/{}", drs_router::library_name(&plugin));
        manifest.plugin = Some(plugin);
        manifest.variants = vec![Variant { needs: args.needs.clone(), ..variant(inside.clone()) }];
        files = BTreeMap::from([(inside, library)]);
    } else {
        let experts = if path.is_dir() { path.join("experts.toml") } else { path.clone() };
        folder = parent(&experts);
        manifest = Author::beside(&folder)?.manifest(args)?;
        if !args.no_check && !keeps_rules(&experts)? {
            bail!("{}: it breaks a rule (above): nothing was packed", experts.display());
        }
        let packed = pool::pack(&experts, &mut manifest)?;
        let metrics = args.certificates.iter().map(|given| metric::of(given, &packed.known));
        manifest.metrics = metrics.collect::<anyhow::Result<_>>()?;
        for variant in &mut manifest.variants {
            variant.needs.clone_from(&args.needs);
        }
        files = packed.files;
        let written = work.path().join("experts.toml");
        std::fs::write(&written, packed.experts)?;
        files.insert("experts.toml".to_owned(), written);
    }
    files.extend(along(&folder)?);
    put(args, &manifest, &files)
}

/// Whether `drs expert check --experts FILE` finds nothing.
fn keeps_rules(experts: &Path) -> anyhow::Result<bool> {
    let command = CheckArgs::augment_args(clap::Command::new("check"));
    let given = [OsStr::new("check"), OsStr::new("--experts"), experts.as_os_str()];
    let args = CheckArgs::from_arg_matches(&command.try_get_matches_from(given)?)?;
    Ok(check::run(&args)? == exit::SUCCESS)
}

/// The library of a crate, built for users.
fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    say!("building {}", folder.display());
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--message-format=json-render-diagnostics"]);
    let output = cargo.current_dir(folder).stderr(std::process::Stdio::inherit()).output();
    let output = output.context("cargo cannot be run: it builds the crate")?;
    if !output.status.success() {
        bail!("{}: cargo build failed", folder.display());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let files = text.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let files = message["filenames"].as_array()?;
        Some(files.iter().filter_map(|file| file.as_str().map(PathBuf::from)).collect::<Vec<_>>())
    });
    let mut libraries = files.flatten().filter(|file| drs_router::plugin_name(file).is_some());
    libraries.next_back().with_context(|| {
        format!(
            "{}: cargo built no library of an expert, expected crate-type cdylib",
            folder.display()
        )
    })
}

/// Files of the folder that go along.
fn along(folder: &Path) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut along = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let goes = ALONG.iter().any(|known| name.to_ascii_uppercase().starts_with(known));
        if goes && path.is_file() {
            along.insert(name.to_owned(), path);
        }
    }
    Ok(along)
}

/// Variants of several machines in one package.
fn merge(args: &PackArgs) -> anyhow::Result<u8> {
    let work = tempfile::tempdir().context("no folder for temporary files")?;
    let (mut manifest, mut files): (Option<Manifest>, BTreeMap<String, PathBuf>) =
        Default::default();
    for (index, path) in std::iter::once(&args.path).chain(&args.merge).enumerate() {
        let mut package = Package::open(path)?;
        let folder = work.path().join(index.to_string());
        std::fs::create_dir(&folder)?;
        package.unpack(&folder)?;
        for (name, entry) in package.digests.files.iter().filter(|(name, _)| *name != FILE) {
            if let Some(other) = files.insert(name.clone(), folder.join(name))
                && drs_router::file_digest(&other)? != entry.sha256
            {
                bail!("{}: its {name} is another than that of an earlier package", path.display());
            }
        }
        let own = package.manifest;
        let Some(all) = &mut manifest else {
            manifest = Some(own);
            continue;
        };
        let mut alike = own.clone();
        alike.variants.clone_from(&all.variants);
        if alike != *all {
            bail!("{}: but for its variants it says something else than the first", path.display());
        }
        all.variants.extend(own.variants);
    }
    let mut manifest = manifest.context("nothing to merge")?;
    manifest.variants.sort_by(|a, b| a.target.cmp(&b.target));
    put(args, &manifest, &files)
}

/// Writes the package as a whole.
fn put(
    args: &PackArgs,
    manifest: &Manifest,
    files: &BTreeMap<String, PathBuf>,
) -> anyhow::Result<u8> {
    let usual = || PathBuf::from(format!("{}-{}.drsx", manifest.name, manifest.version));
    let to = args.out.clone().unwrap_or_else(usual);
    let folder = parent(&to);
    let file = tempfile::NamedTempFile::new_in(&folder);
    let mut file = file.with_context(|| folder.display().to_string())?;
    drs_packages::write::<&mut File>(file.as_file_mut(), manifest, files)?;
    // What was written is what will be read.
    let mut package = Package::open(file.path())?;
    package.check_contents()?;
    file.persist(&to).with_context(|| to.display().to_string())?;
    out!("{}: {} {}, {} files", to.display(), manifest.name, manifest.version, files.len() + 1)?;
    Ok(exit::SUCCESS)
}

/// The folder of a file.
fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
