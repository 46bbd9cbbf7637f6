//! Batches of noisy inputs, and votes from logits.

use crate::error::{Error, ErrorKind};

/// A padded batch of noisy inputs on the lattice, NCHW.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    lattice: &'a [i16],
    rows: usize,
    shape: [usize; 3],
    levels: u16,
}

impl<'a> Batch<'a> {
    /// A batch of which the first `rows` inputs count.
    ///
    /// # Errors
    /// If `lattice` is not a whole number of inputs, or holds fewer than `rows`.
    pub fn new(
        lattice: &'a [i16],
        rows: usize,
        shape: [usize; 3],
        levels: u16,
    ) -> Result<Self, Error> {
        let values: usize = shape.iter().product();
        // Divided, as a product could overflow.
        let fits =
            values > 0 && lattice.len().is_multiple_of(values) && rows <= lattice.len() / values;
        if !fits {
            let message = format!(
                "a batch of {} values for {rows} inputs, expected a multiple of {values} (shape {shape:?})",
                lattice.len()
            );
            return Err(Error::new(ErrorKind::Batch, message));
        }
        Ok(Self { lattice, rows, shape, levels })
    }

    /// The inputs that count, in units of [`step`](Self::step).
    #[must_use]
    pub fn lattice(&self) -> &'a [i16] {
        &self.lattice[..self.rows * self.values()]
    }

    /// All inputs, with the padding.
    #[must_use]
    pub fn padded(&self) -> &'a [i16] {
        self.lattice
    }

    /// The number of inputs that count.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of inputs with the padding: the same in every call.
    #[must_use]
    pub fn padded_rows(&self) -> usize {
        self.lattice.len() / self.values()
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

    /// The lattice's step in input units; 1/255 for 8-bit images.
    #[must_use]
    pub fn step(&self) -> f64 {
        1.0 / f64::from(self.levels)
    }

    /// The inputs that count as `f32` in input units.
    ///
    /// Each value is the float nearest to lattice/levels, so it depends on the
    /// lattice value alone.
    pub fn to_f32(&self, floats: &mut Vec<f32>) {
        let levels = f32::from(self.levels);
        floats.clear();
        floats.extend(self.lattice().iter().map(|&value| f32::from(value) / levels));
    }
}

/// Votes from logits or probabilities: the index of the largest value of each
/// row, the lowest index where several are equal.
///
/// # Errors
/// If `logits` is not `votes.len()` rows, or any value is not finite.
pub fn argmax(logits: &[f32], votes: &mut [u32]) -> Result<(), Error> {
    if votes.is_empty() && logits.is_empty() {
        return Ok(());
    }
    if votes.is_empty() || logits.is_empty() || !logits.len().is_multiple_of(votes.len()) {
        let message = format!("{} logits for {} inputs", logits.len(), votes.len());
        return Err(Error::new(ErrorKind::Batch, message));
    }
    let classes = logits.len() / votes.len();
    for (row, (logits, vote)) in logits.chunks_exact(classes).zip(votes).enumerate() {
        let mut best = 0;
        for (class, &logit) in logits.iter().enumerate() {
            if !logit.is_finite() {
                let message = format!(
                    "the model's output for class {class} is {logit}, expected a finite number (input {row} of the batch)"
                );
                return Err(Error::new(ErrorKind::NonFinite, message)
                    .hint("check the model's weights and normalisation"));
            }
            if logit > logits[best] {
                best = class;
            }
        }
        *vote =
            u32::try_from(best).map_err(|_| Error::new(ErrorKind::Batch, "too many classes"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_vote_for_the_lowest_index() {
        let mut votes = [9; 3];
        argmax(&[1.0, 1.0, 0.0, 2.0, -1.0, -1.0], &mut votes).unwrap();
        assert_eq!(votes, [0, 1, 0]);
    }

    #[test]
    fn a_value_that_is_not_finite_is_an_error() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = argmax(&[0.0, bad], &mut [0]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NonFinite);
        }
        assert!(argmax(&[0.0; 5], &mut [0; 2]).is_err());
    }

    #[test]
    fn a_batch_knows_its_padding() {
        let lattice: Vec<i16> = (0..8).collect();
        let batch = Batch::new(&lattice, 3, [1, 1, 2], 255).unwrap();
        assert_eq!((batch.rows(), batch.padded_rows(), batch.lattice().len()), (3, 4, 6));
        let mut floats = Vec::new();
        batch.to_f32(&mut floats);
        assert_eq!(floats[5], 5.0 / 255.0);
        assert!(Batch::new(&lattice, 5, [1, 1, 2], 255).is_err());
        assert!(Batch::new(&lattice, usize::MAX, [1, 1, 2], 255).is_err());
        assert!(Batch::new(&lattice[..7], 3, [1, 1, 2], 255).is_err());
    }
}
