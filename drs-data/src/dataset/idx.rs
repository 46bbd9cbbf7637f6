//! The IDX format of MNIST and its relatives.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use drs_memory::{Claim, read_up_to};
use flate2::read::MultiGzDecoder;

use super::packed::{Packed, Pixels, check_bytes};
use super::{Labels, OpenOptions};
use crate::InputSpec;
use crate::error::DataError;

const IMAGES_MAGIC: u32 = 0x0803;
const LABELS_MAGIC: u32 = 0x0801;

/// `None` if the folder has no image file of this split.
///
/// The split is the files' prefix; `test` also stands for MNIST's `t10k`.
pub(super) fn open(
    folder: &Path,
    spec: InputSpec,
    options: &OpenOptions,
) -> Result<Option<Packed>, DataError> {
    let split = options.split.as_str();
    let prefixes = if split == "test" { &["t10k", "test"][..] } else { &[split][..] };
    let images = |&prefix| Some((prefix, find(folder, &images_name(prefix))?));
    let Some((prefix, path)) = prefixes.iter().find_map(images) else { return Ok(None) };
    let fail = |problem: String| DataError::new(&path, problem);
    check_bytes(spec, "IDX images").map_err(fail)?;
    let ([count, ..], images, memory) = read(&path, IMAGES_MAGIC, |[_, rows, columns]| {
        let expected = spec.shape;
        let fits = expected.dims() == [1, rows, columns];
        fits.then_some(()).ok_or_else(|| {
            format!("images are 1x{rows}x{columns}, experts.toml expects {expected}")
        })
    })?;
    let labels = match options.labels {
        Labels::Own => Some(labels(folder, prefix, count)?),
        Labels::None | Labels::File(_) => None,
    };
    Ok(Some(Packed {
        path,
        spec,
        count,
        pixels: Pixels::Bytes(images),
        labels,
        classes: None,
        memory,
    }))
}

fn labels(folder: &Path, prefix: &str, count: usize) -> Result<Vec<usize>, DataError> {
    let name = format!("{prefix}-labels-idx1-ubyte");
    let path = find(folder, &name).ok_or_else(|| {
        let problem = "no such file, nor with .gz; --labels takes others, or none";
        DataError::new(&folder.join(&name), problem)
    })?;
    let ([found], labels, _) = read(&path, LABELS_MAGIC, |_| Ok(()))?;
    if found != count {
        return Err(DataError::new(&path, format!("{found} labels for {count} images")));
    }
    Ok(labels.into_iter().map(usize::from).collect())
}

fn images_name(prefix: &str) -> String {
    format!("{prefix}-images-idx3-ubyte")
}

/// The prefixes of all image files in a folder.
pub(super) fn prefixes(folder: &Path) -> Vec<String> {
    let prefix = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        name.strip_suffix("-images-idx3-ubyte").map(str::to_owned)
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut prefixes: Vec<String> = entries.filter_map(prefix).collect();
    prefixes.sort();
    prefixes.dedup();
    prefixes
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{name}.gz"))].into_iter().find(|path| path.is_file())
}

/// Dimensions and bytes of an IDX file of unsigned bytes.
///
/// `check` sees the dimensions before the data is read.
fn read<const N: usize>(
    path: &Path,
    magic: u32,
    check: impl Fn([usize; N]) -> Result<(), String>,
) -> Result<([usize; N], Vec<u8>, Claim), DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    let file = File::open(path).map_err(|error| fail(error.to_string()))?;
    let mut source: Box<dyn Read> = if path.extension().is_some_and(|e| e == "gz") {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut word = || -> Result<u32, DataError> {
        let mut bytes = [0; 4];
        source.read_exact(&mut bytes).map_err(|error| fail(format!("in its header: {error}")))?;
        Ok(u32::from_be_bytes(bytes))
    };
    let found = word()?;
    if found != magic {
        return Err(fail(format!(
            "its first four bytes are {found:#010x}, expected {magic:#010x}"
        )));
    }
    let mut dims = [0usize; N];
    for dim in &mut dims {
        *dim = word()? as usize;
    }
    check(dims).map_err(fail)?;
    let expected = dims
        .iter()
        .try_fold(1usize, |product, &dim| product.checked_mul(dim))
        .ok_or_else(|| fail(format!("its header promises {dims:?} values, which is too many")))?;
    // One byte more than promised shows surplus.
    let (bytes, memory) = read_up_to(source, (expected as u64).saturating_add(1))
        .map_err(|error| fail(format!("its data: {error}")))?;
    if bytes.len() != expected {
        let found = if bytes.len() > expected { "more".into() } else { bytes.len().to_string() };
        return Err(fail(format!(
            "{found} bytes of data, its header promises {expected} ({dims:?})"
        )));
    }
    Ok((dims, bytes, memory))
}
