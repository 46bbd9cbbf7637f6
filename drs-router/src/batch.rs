//! How many inputs a batch holds, and whether a machine could hold the batch.

use drs_core::lattice::Shape;
use drs_plugins_api::Manifest;

use crate::config::ModelSpec;

/// The most bytes that one batch may take. The largest in use are below 2 GiB: 4,096 images of
/// 3x224x224 values are 1.2 GB.
const MOST: usize = 4 << 30;

/// About what the engine keeps for each row beside its values: whose it is, its vote, and the
/// known input that the model is tried with.
const PER_ROW: usize = 512;

/// Inputs per batch, and who says so.
pub(crate) struct BatchSize {
    pub(crate) rows: usize,
    source: &'static str,
}

impl BatchSize {
    /// `asked` goes before experts.toml, which goes before the plugin.
    pub(crate) fn new(asked: Option<usize>, spec: &ModelSpec, manifest: &Manifest) -> Self {
        let (rows, source) = match (asked, spec.batch) {
            (Some(rows), _) => (rows, "--batch"),
            (None, Some(rows)) => (rows, "batch in experts.toml"),
            (None, None) => (manifest.preferred_batch, "the preferred batch of its plugin"),
        };
        Self { rows, source }
    }

    /// Refuses what is beyond every machine, before anything is allocated for it.
    pub(crate) fn check(&self, shape: Shape) -> Result<(), String> {
        let Self { rows, source } = *self;
        let row =
            shape.values().checked_mul(size_of::<i16>()).and_then(|row| row.checked_add(PER_ROW));
        let most = row.map_or(0, |row| MOST / row);
        if (1..=most).contains(&rows) {
            return Ok(());
        }
        Err(format!(
            "a batch of {rows} inputs of {shape} values ({source}), expected 1 to {most}, which take {} GiB: choose it with --batch, or for this model with batch in experts.toml",
            MOST >> 30
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows: usize, dims: [usize; 3]) -> Result<(), String> {
        BatchSize { rows, source: "--batch" }.check(Shape::new(dims).unwrap())
    }

    #[test]
    fn no_batch_is_beyond_every_machine() {
        // Among them products of rows, values and bytes that overflow to something small.
        for rows in [0, 1 << 24, 1_000_000_000_000, 1 << 61, 1 << 62, 1 << 63, usize::MAX] {
            let problem = check(rows, [1, 2, 2]).unwrap_err();
            assert!(problem.contains(&format!("a batch of {rows} inputs")), "{problem}");
            assert!(problem.contains("--batch"), "{problem}");
        }
    }

    #[test]
    fn batches_in_use_are_fine() {
        for (rows, dims) in [(1, [1, 2, 2]), (100_000, [3, 32, 32]), (4096, [3, 224, 224])] {
            assert_eq!(check(rows, dims), Ok(()));
        }
    }
}
