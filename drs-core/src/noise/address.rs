//! Which bits belong to which draw.

use std::fmt;
use std::str::FromStr;

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::NoiseTable;
use crate::lattice::{Digest, LatticeInput, Place};

/// The secret (or published) seed from which all noise of a run follows.
///
/// Written as 64 hexadecimal digits. A plain number, as given to `--seed`,
/// stands for the SHA-256 of its digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(Digest);

/// Text that is no seed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed is \"{0}\", expected a whole number or 64 hexadecimal digits")]
pub struct SeedError(String);

impl Seed {
    /// A seed from 32 bytes of entropy.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Digest(bytes))
    }

    /// The entropy.
    #[must_use]
    pub fn bytes(self) -> [u8; 32] {
        self.0.0
    }

    /// The seed that a plain number stands for.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(Digest::of(format!("drs seed {number}").as_bytes()))
    }
}

impl FromStr for Seed {
    type Err = SeedError;
    fn from_str(text: &str) -> Result<Self, SeedError> {
        if let Ok(number) = text.parse() {
            return Ok(Self::from_number(number));
        }
        text.parse().map(Self).map_err(|_| SeedError(text.to_owned()))
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({self})")
    }
}

/// All noise of one stage of one input.
///
/// The ChaCha key is SHA-256 over seed, input digest and stage. Draw i reads
/// the ChaCha12 streams 2i (16 bits for each value, 32 off the lattice) and 2i + 1
/// (64 bits for each value that those leave open), so a draw depends on nothing
/// but its address.
#[derive(Debug, Clone)]
pub struct NoiseStream {
    key: [u8; 32],
}

impl NoiseStream {
    /// The stream of `stage` for the input with digest `input`.
    #[must_use]
    pub fn new(seed: Seed, input: Digest, stage: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"drs noise v1");
        hash.update(seed.0.0);
        hash.update(input.0);
        hash.update(stage.as_bytes());
        Self { key: hash.finalize().into() }
    }

    /// The ChaCha key, for who draws the noise elsewhere.
    #[must_use]
    pub fn key(&self) -> [u8; 32] {
        self.key
    }

    /// Writes the noisy copy with this number of an input, on the lattice or off it.
    ///
    /// `noisy` is in units of the quantum; `scratch` is reused between calls and may
    /// start empty.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn noisy_copy(
        &self,
        table: &NoiseTable,
        index: u64,
        input: &LatticeInput,
        noisy: &mut [i16],
        scratch: &mut Vec<u8>,
    ) {
        match input.reals() {
            None => self.add_noise(table, index, input.values(), noisy, scratch),
            Some(reals) => self.add_noise_between(table, index, (input, reals), noisy, scratch),
        }
    }

    fn add_noise_between(
        &self,
        table: &NoiseTable,
        index: u64,
        (input, reals): (&LatticeInput, &[f64]),
        noisy: &mut [i16],
        scratch: &mut Vec<u8>,
    ) {
        assert_eq!(reals.len(), noisy.len(), "one noisy value per input value");
        let (mut bits, mut rest) = self.bits(index);
        scratch.resize(4 * reals.len(), 0);
        bits.fill_bytes(scratch);
        let between = table.between();
        let inputs = input.values().iter().zip(input.parts()).zip(reals);
        for ((noisy, ((below, part), real)), word) in
            noisy.iter_mut().zip(inputs).zip(scratch.chunks_exact(4))
        {
            let top = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            let place = || Place::of(*real, input.quantum());
            *noisy = below + table.value_between(between, top, *part, || rest.next_u64(), place);
        }
    }

    /// The two streams of a draw.
    fn bits(&self, index: u64) -> (ChaCha12Rng, ChaCha12Rng) {
        let stream = |number| {
            let mut stream = ChaCha12Rng::from_seed(self.key);
            stream.set_stream(number);
            stream
        };
        (stream(2 * index), stream(2 * index + 1))
    }

    /// Writes `input`, a lattice point, plus the noise of draw `index` to `noisy`.
    ///
    /// Both are in units of the quantum and of the same length; `scratch` is
    /// reused between calls and may start empty.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add_noise(
        &self,
        table: &NoiseTable,
        index: u64,
        input: &[i16],
        noisy: &mut [i16],
        scratch: &mut Vec<u8>,
    ) {
        assert_eq!(input.len(), noisy.len(), "one noisy value per input value");
        let (mut bits, mut rest) = self.bits(index);
        scratch.resize(2 * input.len(), 0);
        bits.fill_bytes(scratch);
        for ((noisy, input), pair) in noisy.iter_mut().zip(input).zip(scratch.chunks_exact(2)) {
            let cell = u16::from_le_bytes([pair[0], pair[1]]);
            *noisy = input + table.value(cell, || rest.next_u64());
        }
    }
}
