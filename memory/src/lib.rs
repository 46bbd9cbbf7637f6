#![forbid(unsafe_code)]
#![warn(missing_docs)]
//! One budget of memory for everything that reads files.
//!
//! A few bytes of a file may ask for any amount of memory: a compressed stream without end, a
//! header that states terabytes. Whoever reads files [claims](claim) what they need before it is
//! allocated, or reads them through [`Limited`]. All claims of a process together stay below its
//! [`budget`]; what would exceed it is an error that names the option to change it. What grows
//! while it is read may hold as much again for a moment: the usual budget is a quarter.

mod file;
mod machine;
mod reader;

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytesize::ByteSize;

pub use file::{read_file, read_text};
pub use machine::{Limits, limits};
pub use reader::{Limited, lines, read_to_end, read_up_to};

/// Where a process finds the budget that its parent was given.
pub const VARIABLE: &str = "DRS_MEMORY";

/// More is given only where it is asked for: a file that takes so much is seldom meant to.
const USUAL_MOST: u64 = 1536 << 20;

/// Less is not enough to do anything.
const LEAST: u64 = 16 << 20;

static BUDGET: OnceLock<u64> = OnceLock::new();
static CLAIMED: AtomicU64 = AtomicU64::new(0);

/// A number of bytes as people write it: `512MiB`, `4GB`, `1000000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found =
            || format!("\"{text}\" found, expected a size such as 4GiB, 512MiB or 1000000000");
        let size: ByteSize = text.trim().parse().map_err(|_| found())?;
        if size.as_u64() < LEAST {
            return Err(format!("{text} found, expected at least {}", Self(LEAST)));
        }
        Ok(Self(size.as_u64()))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}", ByteSize(self.0).display().iec())
    }
}

/// Sets this process's budget in bytes. The first call counts, if nothing asked for the budget
/// before; tells whether it did.
pub fn set_budget(bytes: u64) -> bool {
    BUDGET.set(bytes).is_ok()
}

/// The budget in bytes: what was set, else the variable [`VARIABLE`], else a quarter of the
/// machine's memory, of the control group's limit or of the limit of this process (`ulimit -v`),
/// whichever is the least, and 1.5 GiB at the most.
#[must_use]
pub fn budget() -> u64 {
    *BUDGET.get_or_init(|| {
        let told = std::env::var(VARIABLE).ok().and_then(|text| text.parse().ok());
        told.map_or_else(|| (machine::limit() / 4).clamp(LEAST, USUAL_MOST), |Bytes(bytes)| bytes)
    })
}

/// Memory that is claimed; given back when it is dropped.
#[derive(Debug, Default)]
#[must_use = "what is claimed is given back when this is dropped"]
pub struct Claim(u64);

/// Claims so many bytes of the budget.
///
/// # Errors
/// If all claims together would exceed the budget.
pub fn claim(bytes: u64) -> Result<Claim, OverBudget> {
    let mut claim = Claim(0);
    claim.grow(bytes).map(|()| claim)
}

impl Claim {
    /// Claims so many more.
    ///
    /// # Errors
    /// If all claims together would exceed the budget; then this one stays as it is.
    pub fn grow(&mut self, bytes: u64) -> Result<(), OverBudget> {
        let budget = budget();
        let fits = |claimed: u64| claimed.checked_add(bytes).filter(|sum| *sum <= budget);
        match CLAIMED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => {
                self.0 += bytes;
                Ok(())
            }
            Err(claimed) => {
                let wanted = self.0.saturating_add(bytes);
                Err(OverBudget { wanted, elsewhere: claimed - self.0.min(claimed), budget })
            }
        }
    }

    /// Holds what another one holds, as long as this one.
    pub fn join(&mut self, mut other: Self) {
        self.0 += std::mem::take(&mut other.0);
    }

    /// How much it is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        CLAIMED.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// More memory than there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverBudget {
    /// Bytes that were wanted at the least, for this file.
    pub wanted: u64,
    /// Bytes that others hold.
    pub elsewhere: u64,
    /// The budget in bytes.
    pub budget: u64,
}

impl fmt::Display for OverBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, elsewhere, budget } = *self;
        write!(f, "it needs {} of memory or more", Bytes(wanted))?;
        if elsewhere > 0 {
            write!(f, ", beside {} that is in use", Bytes(elsewhere))?;
        }
        write!(f, "; drs may take {}: --memory SIZE, or {VARIABLE}, allows more", Bytes(budget))
    }
}

impl std::error::Error for OverBudget {}

impl From<OverBudget> for std::io::Error {
    fn from(error: OverBudget) -> Self {
        Self::new(std::io::ErrorKind::OutOfMemory, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests share the process's claims: one at a time, and with little.
    pub(crate) fn alone() -> std::sync::MutexGuard<'static, ()> {
        static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
        set_budget(LEAST);
        ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    #[test]
    fn claims_add_up_and_are_given_back() {
        let _alone = alone();
        let budget = budget();
        let half = claim(budget / 2).unwrap();
        let error = claim(budget - budget / 4).unwrap_err();
        assert_eq!((error.wanted, error.budget), (budget - budget / 4, budget));
        assert!(error.elsewhere >= budget / 2);
        let text = error.to_string();
        assert!(text.contains("--memory SIZE") && text.contains("that is in use"), "{text}");
        drop(half);
        let mut most = claim(budget - budget / 4).unwrap();
        assert!(most.grow(u64::MAX).is_err());
        assert_eq!(most.bytes(), budget - budget / 4);
        let mut first = Claim::default();
        first.join(most);
        assert_eq!(first.bytes(), budget - budget / 4);
        assert!(claim(budget / 2).is_err(), "it is held still");
        drop(first);
        assert!(claim(budget / 2).is_ok(), "and given back once");
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<Bytes>().map(|Bytes(bytes)| bytes);
        assert_eq!(read("4GiB"), Ok(4 << 30));
        assert_eq!(read("512 MiB"), Ok(512 << 20));
        assert_eq!(read("1000000000"), Ok(1_000_000_000));
        for text in ["", "many", "-1", "4XB", "1KiB", "nan"] {
            assert!(read(text).unwrap_err().contains("expected"), "{text}");
        }
        assert_eq!(Bytes(3 << 29).to_string(), "1.5 GiB");
    }
}
