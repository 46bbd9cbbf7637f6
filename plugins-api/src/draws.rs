//! Noise that a plugin draws itself, where its inputs already are.
//!
//! A plugin with the capability [`DRAWS`] is sent no noisy batches but the
//! clean input and the address of the noise, and makes the very integers that
//! the host would have made. "drs noise v1", in which all arithmetic is of
//! unsigned integers:
//!
//! * Draw i of a segment with key K reads two ChaCha12 key streams with 64-bit
//!   block counters from 0 and 64-bit nonces: nonce 2i and nonce 2i + 1.
//! * Value j of the input takes the 16 bits b at bytes 2j and 2j + 1 (little
//!   endian) of the first stream. Its noise is `cells[b]`, unless that is
//!   [`OPEN`].
//! * The k-th open value of a draw (from 0, in the order of j) takes the 64 bits
//!   at bytes 8k to 8k + 7 of the second stream, u, and its noise is `lowest`
//!   plus the number of thresholds that are at most b·2⁶⁴ + u.

use crate::error::{Error, ErrorKind};

/// The capability, in [`Manifest::capabilities`](crate::Manifest::capabilities),
/// of a plugin that implements [`Plugin::draw`](crate::Plugin::draw).
pub const DRAWS: &str = "draws";

/// Marks a cell whose 16 bits do not decide the value.
pub const OPEN: i16 = i16::MIN;

/// The distribution of the noise: the same at every call to one expert.
#[derive(Debug, Clone, Copy)]
pub struct NoiseTable<'a> {
    /// The value for each 16 bits, or [`OPEN`]; 65,536 of them.
    pub cells: &'a [i16],
    /// Rising thresholds in units of 2⁻⁸⁰: the bits above the lowest 64.
    pub thresholds_high: &'a [u32],
    /// The lowest 64 bits of each threshold.
    pub thresholds_low: &'a [u64],
    /// The value below the first threshold.
    pub lowest: i16,
}

/// Consecutive draws of one input.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// The clean input, on the lattice.
    pub input: &'a [i16],
    /// The ChaCha key.
    pub key: [u8; 32],
    /// Index of the first draw.
    pub first: u64,
    /// Number of draws.
    pub rows: usize,
}

/// A batch of noisy inputs that the plugin makes.
#[derive(Debug, Clone)]
pub struct Draws<'a> {
    noise: NoiseTable<'a>,
    segments: Vec<Segment<'a>>,
    padded_rows: usize,
    shape: [usize; 3],
    levels: u16,
}

impl<'a> Draws<'a> {
    /// A batch of `padded_rows`, of which the rows of the segments count.
    ///
    /// # Errors
    /// If the table or a segment has a wrong size, or the rows are too many.
    pub fn new(
        noise: NoiseTable<'a>,
        segments: Vec<Segment<'a>>,
        padded_rows: usize,
        shape: [usize; 3],
        levels: u16,
    ) -> Result<Self, Error> {
        let wrong = |message: String| Err(Error::new(ErrorKind::Batch, message));
        let thresholds = (noise.thresholds_high.len(), noise.thresholds_low.len());
        if noise.cells.len() != 1 << 16 || thresholds.0 != thresholds.1 {
            let found = noise.cells.len();
            return wrong(format!(
                "a noise table of {found} cells and {thresholds:?} thresholds, expected 65536 and as many high as low"
            ));
        }
        let values: usize = shape.iter().product();
        if let Some(bad) = segments.iter().find(|segment| segment.input.len() != values) {
            return wrong(format!("an input of {} values, expected {values}", bad.input.len()));
        }
        let rows = segments.iter().fold(0usize, |sum, segment| sum.saturating_add(segment.rows));
        if rows > padded_rows {
            return wrong(format!("{rows} draws in a batch of {padded_rows}"));
        }
        Ok(Self { noise, segments, padded_rows, shape, levels })
    }

    /// The distribution of the noise.
    #[must_use]
    pub fn noise(&self) -> NoiseTable<'a> {
        self.noise
    }

    /// Whose draws, in the order of the votes.
    #[must_use]
    pub fn segments(&self) -> &[Segment<'a>] {
        &self.segments
    }

    /// The number of draws.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.segments.iter().map(|segment| segment.rows).sum()
    }

    /// The number of draws with the padding: the same in every call.
    #[must_use]
    pub fn padded_rows(&self) -> usize {
        self.padded_rows
    }

    /// Channels, height, width.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The number of values in one input.
    #[must_use]
    pub fn values(&self) -> usize {
        self.shape.iter().product()
    }

    /// Inputs are integers in units of 1/`levels`.
    #[must_use]
    pub fn levels(&self) -> u16 {
        self.levels
    }
}
