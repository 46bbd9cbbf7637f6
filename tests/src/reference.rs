//! PyTorch's answers on real models, which are too large for the repository:
//! `DRS_CIFAR10_MODELS` names a folder with them, in each format, and for each
//! `<name>-reference.npz` with noisy test images and their logits.

use std::fs::File;
use std::path::PathBuf;

use ndarray::ArrayD;
use ndarray_npy::{ReadNpyExt as _, ReadableElement};
use zip::ZipArchive;

/// Channels, height, width of the inputs.
pub const SHAPE: [usize; 3] = [3, 32, 32];
/// Classes of the models.
pub const CLASSES: usize = 10;

/// A model with PyTorch's answers.
#[derive(Debug)]
pub struct Reference {
    /// Its files are called so, with the extension of their format.
    pub name: &'static str,
    /// Level of the noise in the inputs, for which the model was trained.
    pub sigma: f64,
    /// Noisy inputs in units of 1/255, one after the other.
    pub lattice: Vec<i16>,
    /// PyTorch's logits for them, in 32-bit floats on a CPU.
    pub logits: Vec<f32>,
    folder: PathBuf,
}

impl Reference {
    /// The model's file in a format.
    #[must_use]
    pub fn file(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", self.name))
    }
}

/// All of them; none, with a word on standard error, where there is no folder.
///
/// # Panics
/// If a file is not as it should be.
#[must_use]
pub fn all() -> Vec<Reference> {
    let Some(folder) = std::env::var_os("DRS_CIFAR10_MODELS").map(PathBuf::from) else {
        crate::skipped("DRS_CIFAR10_MODELS is not set: nothing is compared on real models");
        return Vec::new();
    };
    let open = |(name, sigma)| {
        let path = folder.join(format!("{name}-reference.npz"));
        let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut archive = ZipArchive::new(file).expect("an npz file");
        let lattice = array(&mut archive, "lattice.npy");
        let logits = array(&mut archive, "logits.npy");
        let rows = lattice.len() / SHAPE.iter().product::<usize>();
        assert!(rows > 0 && logits.len() == rows * CLASSES, "{}", path.display());
        Reference { name, sigma, lattice, logits, folder: folder.clone() }
    };
    [("s025", 0.25), ("s050", 0.5), ("s100", 1.0)].map(open).into()
}

fn array<T: ReadableElement + Clone>(archive: &mut ZipArchive<File>, name: &str) -> Vec<T> {
    let entry = archive.by_name(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    let array = ArrayD::<T>::read_npy(entry).unwrap_or_else(|error| panic!("{name}: {error}"));
    array.iter().cloned().collect()
}
