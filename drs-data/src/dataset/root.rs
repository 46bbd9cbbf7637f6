//! The folder into which torchvision downloads: `root` in its data sets.

use std::path::{Path, PathBuf};

use crate::error::DataError;

/// Where torchvision puts what it unpacks.
const WITHIN: [&str; 9] = [
    "cifar-10-batches-py",
    "cifar-10-batches-bin",
    "cifar-100-python",
    "cifar-100-binary",
    "stl10_binary",
    "MNIST/raw",
    "FashionMNIST/raw",
    "KMNIST/raw",
    "QMNIST/raw",
];

/// The one data set in such a folder; `None` if there is none.
pub(super) fn find(path: &Path) -> Result<Option<PathBuf>, DataError> {
    let found: Vec<&str> = WITHIN.into_iter().filter(|name| path.join(name).is_dir()).collect();
    match found[..] {
        [] => Ok(None),
        [one] => Ok(Some(path.join(one))),
        [first, ..] => {
            let (found, first) = (found.join(", "), path.join(first));
            let problem = format!(
                "{found} found, expected one data set: --data {} takes the first of them",
                first.display()
            );
            Err(DataError::new(path, problem))
        }
    }
}
