//! The IDX format of MNIST and its relatives.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use drs_core::lattice::{LatticeInput, Quantum};
use flate2::read::MultiGzDecoder;

use super::Example;
use crate::InputSpec;
use crate::error::DataError;

const IMAGES_MAGIC: u32 = 0x0803;
const LABELS_MAGIC: u32 = 0x0801;

#[derive(Debug)]
pub(super) struct Idx {
    path: PathBuf,
    spec: InputSpec,
    images: Vec<u8>,
    labels: Vec<u8>,
}

impl Idx {
    /// `None` if the folder has no image file of this split.
    pub(super) fn open(
        folder: &Path,
        spec: InputSpec,
        split: &str,
    ) -> Result<Option<Self>, DataError> {
        let Some(path) = find(folder, &format!("{split}-images-idx3-ubyte")) else {
            return Ok(None);
        };
        let fail = |problem: String| DataError::new(&path, problem);
        if spec.quantum != Quantum::EIGHT_BIT {
            let quantum = spec.quantum;
            return Err(fail(format!(
                "IDX images have quantum 1/255, experts.toml expects {quantum}"
            )));
        }
        let ([count, ..], images) = read(&path, IMAGES_MAGIC, |[_, rows, columns]| {
            let expected = spec.shape;
            let fits = expected.dims() == [1, rows, columns];
            fits.then_some(()).ok_or_else(|| {
                format!("images are 1x{rows}x{columns}, experts.toml expects {expected}")
            })
        })?;
        let name = format!("{split}-labels-idx1-ubyte");
        let labels_path = find(folder, &name)
            .ok_or_else(|| DataError::new(&folder.join(&name), "no such file, nor with .gz"))?;
        let ([labels_count], labels) = read(&labels_path, LABELS_MAGIC, |_| Ok(()))?;
        if labels_count != count {
            let problem = format!("{labels_count} labels for {count} images");
            return Err(DataError::new(&labels_path, problem));
        }
        Ok(Some(Self { path, spec, images, labels }))
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    pub(super) fn get(&self, index: usize) -> Result<Example, DataError> {
        let fail = |problem: String| DataError::new(&self.path, problem);
        let size = self.spec.shape.values();
        let (label, bytes) = self
            .labels
            .get(index)
            .and_then(|label| Some((label, self.images.chunks_exact(size).nth(index)?)))
            .ok_or_else(|| fail(format!("no input {index}, it holds {}", self.len())))?;
        let values = bytes.iter().map(|&byte| i16::from(byte)).collect();
        let input = LatticeInput::new(self.spec.shape, self.spec.quantum, values)
            .map_err(|error| fail(error.to_string()))?;
        Ok(Example { index, label: usize::from(*label), input, name: index.to_string() })
    }
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
) -> Result<([usize; N], Vec<u8>), DataError> {
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
    // One byte more than promised shows surplus; nothing is allocated ahead, so
    // a header that lies costs no memory.
    let mut bytes = Vec::new();
    source
        .take((expected as u64).saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| fail(format!("after {} bytes of data: {error}", bytes.len())))?;
    if bytes.len() != expected {
        let found = if bytes.len() > expected { "more".into() } else { bytes.len().to_string() };
        return Err(fail(format!(
            "{found} bytes of data, its header promises {expected} ({dims:?})"
        )));
    }
    Ok((dims, bytes))
}
