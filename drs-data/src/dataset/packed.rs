//! Data sets of which all pixels lie in memory.

use std::path::PathBuf;

use drs_core::lattice::{LatticeInput, Quantum};
use drs_memory::Claim;

use super::Example;
use crate::error::DataError;
use crate::{Image, InputSpec};

/// All inputs, one after the other, each in the spec's shape.
#[derive(Debug)]
pub(super) struct Packed {
    /// What errors name.
    pub(super) path: PathBuf,
    pub(super) spec: InputSpec,
    pub(super) count: usize,
    pub(super) pixels: Pixels,
    /// One for each input, if there are any.
    pub(super) labels: Option<Vec<usize>>,
    pub(super) classes: Option<Vec<String>>,
    /// What its pixels hold of the budget.
    #[expect(dead_code, reason = "held as long as they are")]
    pub(super) memory: Claim,
}

#[derive(Debug)]
pub(super) enum Pixels {
    /// Multiples of 1/255.
    Bytes(Vec<u8>),
    /// In [0, 1].
    Floats(Vec<f32>),
    /// In [0, 1].
    Doubles(Vec<f64>),
}

impl Packed {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn get(&self, index: usize) -> Result<Example, DataError> {
        let fail = |problem: String| DataError::new(&self.path, problem);
        let none = || fail(format!("no input {index}, it holds {}", self.len()));
        let (shape, quantum) = (self.spec.shape, self.spec.quantum);
        if index >= self.count {
            return Err(none());
        }
        let range = index * shape.values()..(index + 1) * shape.values();
        let input = match &self.pixels {
            Pixels::Bytes(bytes) => {
                let values = bytes.get(range).ok_or_else(none)?;
                LatticeInput::new(shape, quantum, values.iter().copied().map(i16::from).collect())
            }
            Pixels::Floats(floats) => {
                let values: Vec<f64> =
                    floats.get(range).ok_or_else(none)?.iter().copied().map(f64::from).collect();
                LatticeInput::from_reals(shape, quantum, values)
            }
            Pixels::Doubles(doubles) => LatticeInput::from_reals(
                shape,
                quantum,
                doubles.get(range).ok_or_else(none)?.to_vec(),
            ),
        };
        let input = input.map_err(|error| fail(format!("input {index}: {error}")))?;
        let label = self.labels.as_ref().and_then(|labels| labels.get(index)).copied();
        let image = Image { input, conversion: None };
        Ok(Example::of(index, label, image, index.to_string()))
    }
}

/// Bytes are multiples of 1/255: another lattice would need a decision.
pub(super) fn check_bytes(spec: InputSpec, what: &str) -> Result<(), String> {
    if spec.quantum == Quantum::EIGHT_BIT {
        return Ok(());
    }
    Err(format!("{what} have quantum 1/255, experts.toml expects {}", spec.quantum))
}
