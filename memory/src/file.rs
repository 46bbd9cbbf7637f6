//! Whole files, within the budget.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::{Claim, OverBudget, budget, read_to_end};

/// All bytes of a file, with the claim on them.
///
/// # Errors
/// Those of the system, if it is no file but a pipe or a device, which may have no end, and if
/// the budget does not allow so many.
pub fn read_file(path: &Path) -> io::Result<(Vec<u8>, Claim)> {
    let found = path.metadata()?;
    // Opening a pipe would wait for somebody to write.
    if !found.is_file() && !found.is_dir() {
        return Err(io::Error::other("a pipe or a device found, expected a file"));
    }
    if found.is_file() && found.len() > budget() {
        return Err(OverBudget { wanted: found.len(), elsewhere: 0, budget: budget() }.into());
    }
    read_to_end(File::open(path)?)
}

/// A text, with the claim on it. It may come through a pipe.
///
/// # Errors
/// Those of the system, if it is not UTF-8, and if the budget does not allow so many bytes.
pub fn read_text(path: &Path) -> io::Result<(String, Claim)> {
    let (bytes, claim) = read_to_end(File::open(path)?)?;
    let text = String::from_utf8(bytes)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))?;
    Ok((text, claim))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_no_end_is_refused_or_ends_at_the_budget() {
        let _alone = crate::tests::alone();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        let file = File::create(&path).unwrap();
        file.set_len(1 << 40).unwrap();
        for problem in [read_file(&path).unwrap_err(), read_text(&path).unwrap_err()] {
            assert!(problem.to_string().contains("--memory"), "{problem}");
        }
        file.set_len(5).unwrap();
        assert_eq!(read_file(&path).unwrap().0, [0; 5]);
        assert!(read_text(&folder.path().join("absent")).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_is_no_file() {
        let _alone = crate::tests::alone();
        let problem = read_file(Path::new("/dev/zero")).unwrap_err();
        assert!(problem.to_string().contains("expected a file"), "{problem}");
        assert!(read_text(Path::new("/dev/zero")).is_err());
    }
}
