//! Why a file is refused.

use std::path::Path;

use drs_plugins_api::{Error, ErrorKind};

/// A problem of the model, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, and where.
    pub problem: String,
    /// What to do about it; may be empty.
    pub remedy: String,
}

impl Refusal {
    /// The error of the file that has the problem.
    #[must_use]
    pub fn of(self, path: &Path) -> Error {
        let message = format!("{}: {}", path.display(), self.problem);
        Error::new(ErrorKind::Model, message).hint(self.remedy)
    }
}

/// The error of a file that takes more memory than there is for it.
#[must_use]
pub fn over_budget(path: &Path, what: &str, wanted: u64, budget: u64) -> Error {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let message = format!(
        "{}: {what} takes {} MiB of memory or more, the budget is {} MiB",
        path.display(),
        mib(wanted),
        budget >> 20
    );
    let hint =
        "if the model is meant to be so large, --memory or the variable DRS_MEMORY allows more";
    Error::new(ErrorKind::Model, message).hint(hint)
}
