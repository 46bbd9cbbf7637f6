//! The host's noise, and how it is told to who draws it.

use drs_core::lattice::{Digest, Quantum};
use drs_core::noise::{NoiseStream, NoiseTable, Seed};
use drs_core::units::Sigma;
use drs_plugins_api::abi::AbiNoiseTable;

/// The noise of one sigma.
pub(crate) struct Noise {
    table: NoiseTable,
    thresholds_high: Vec<u32>,
    thresholds_low: Vec<u64>,
}

impl Noise {
    pub(crate) fn new(sigma: f64, levels: u16) -> Result<Self, String> {
        let quantum: Quantum = format!("1/{levels}").parse().map_err(|error| format!("{error}"))?;
        let sigma = Sigma::new(sigma).map_err(|error| error.to_string())?;
        let table = NoiseTable::new(sigma, quantum).map_err(|error| error.to_string())?;
        #[expect(clippy::cast_possible_truncation, reason = "the two parts of 81 bits")]
        let halves = |&threshold: &u128| ((threshold >> 64) as u32, threshold as u64);
        let (thresholds_high, thresholds_low) = table.thresholds().iter().map(halves).unzip();
        Ok(Self { table, thresholds_high, thresholds_low })
    }

    /// `input` with the noise of one draw.
    pub(crate) fn noisy(&self, stream: &NoiseStream, draw: u64, input: &[i16]) -> Vec<i16> {
        let mut noisy = vec![0; input.len()];
        stream.add_noise(&self.table, draw, input, &mut noisy, &mut Vec::new());
        noisy
    }

    pub(crate) fn abi(&self) -> AbiNoiseTable<'_> {
        AbiNoiseTable {
            cells: self.table.cells().into(),
            thresholds_high: self.thresholds_high.as_slice().into(),
            thresholds_low: self.thresholds_low.as_slice().into(),
            lowest: self.table.lowest(),
        }
    }
}

/// The stream of a number; the seed is fixed, so that findings repeat.
pub(crate) fn stream(number: usize) -> NoiseStream {
    let input = Digest::of(&(number as u64).to_le_bytes());
    NoiseStream::new(Seed::from_number(0), input, "conformance")
}
