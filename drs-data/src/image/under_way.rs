//! How many pixels are decoded at once: threads wait for each other, however large their images.

use std::sync::{Condvar, Mutex, PoisonError};

use drs_memory::{OverBudget, budget};

/// Bytes for each pixel while an image is decoded: its samples, and a copy of them.
const BYTES: u64 = 8;

static TAKEN: Mutex<u64> = Mutex::new(0);
static LESS: Condvar = Condvar::new();

/// Room for an image; given back when it is dropped.
pub(super) struct Room(u64);

impl Room {
    /// Waits until there is room for an image of this width and height. Half of the budget is for
    /// images under way, since what is kept has the rest. One that is too large even alone is an
    /// error.
    pub(super) fn of((width, height): (u32, u32)) -> Result<Self, String> {
        let wanted = (u64::from(width) * u64::from(height)).saturating_mul(BYTES);
        let (budget, most) = (budget(), budget() / 2);
        if wanted > most {
            let wanted = wanted.saturating_mul(2);
            return Err(OverBudget { wanted, elsewhere: 0, budget }.to_string());
        }
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken + wanted > most {
            taken = LESS.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += wanted;
        Ok(Self(wanted))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= self.0;
        LESS.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_wait_for_each_other_and_one_too_large_does_not() {
        let most = budget() / 2 / BYTES;
        let width = u32::try_from(most / 1000).unwrap();
        let first = Room::of((width, 900)).unwrap();
        assert!(Room::of((width, 1100)).is_err_and(|problem| problem.contains("--memory")));
        std::thread::scope(|scope| {
            let second = scope.spawn(|| Room::of((width, 900)).map(drop));
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(!second.is_finished());
            drop(first);
            assert!(second.join().unwrap().is_ok());
        });
    }
}
