//! One input: a lattice point, or a point between lattice points.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Digest, LatticeError, Quantum, Shape};
use crate::double_double::DoubleDouble;

/// Values this close to a lattice point, in steps, are taken for it if all of an
/// input's values are: they are pixels that were divided by 255 in single precision.
const NEAR: f64 = 1e-3;

/// How the values of an input were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Given {
    /// As integers: a lattice point.
    Lattice,
    /// As real numbers, each within a thousandth of a step of a lattice point: taken for
    /// that point. The certificate is about it.
    NearLattice,
    /// As real numbers of which at least one is farther off: taken as they are.
    Real,
}

/// One input in CHW order, its values in [0, 1].
#[derive(Debug, Clone, PartialEq)]
pub struct LatticeInput {
    shape: Shape,
    quantum: Quantum,
    /// In units of the quantum; rounded down for an input off the lattice.
    values: Vec<i16>,
    /// The values as given, in input units; empty unless the input is off the lattice.
    reals: Vec<f64>,
    /// ⌊64·φ⌋ of each, φ being how far it lies above the lattice point below it, in steps.
    parts: Vec<u8>,
    given: Given,
}

impl LatticeInput {
    /// An input whose values are integers from 0 to the quantum's levels.
    ///
    /// # Errors
    /// If the number of values does not match the shape, or one is out of range.
    pub fn new(shape: Shape, quantum: Quantum, values: Vec<i16>) -> Result<Self, LatticeError> {
        check_length(shape, values.len())?;
        let levels = quantum.levels().cast_signed();
        if let Some(position) = values.iter().position(|value| !(0..=levels).contains(value)) {
            let value = f64::from(values[position]) * quantum.step();
            return Err(LatticeError::Range { value, position });
        }
        Ok(Self {
            shape,
            quantum,
            values,
            reals: Vec::new(),
            parts: Vec::new(),
            given: Given::Lattice,
        })
    }

    /// An input given in input units, from 0 to 1.
    ///
    /// If every value is within a thousandth of a step of a lattice point, the input is
    /// taken for that point. Otherwise it is the very point given: noise is added to the
    /// real values, and only the sum is rounded to the lattice.
    ///
    /// # Errors
    /// If the number of values does not match the shape, or one is outside
    /// \[0, 1\] or not a number.
    pub fn from_reals(
        shape: Shape,
        quantum: Quantum,
        reals: Vec<f64>,
    ) -> Result<Self, LatticeError> {
        check_length(shape, reals.len())?;
        if let Some(position) = reals.iter().position(|value| !(0.0..=1.0).contains(value)) {
            return Err(LatticeError::Range { value: reals[position], position });
        }
        let levels = f64::from(quantum.levels());
        let near = |&value: &f64| ((value * levels).round() - value * levels).abs() <= NEAR;
        if reals.iter().all(near) {
            let values = reals.iter().map(|&value| whole((value * levels).round())).collect();
            return Ok(Self { given: Given::NearLattice, ..Self::new(shape, quantum, values)? });
        }
        let places = reals.iter().map(|&value| Place::of(value, quantum));
        let (values, parts) = places.map(|place| (place.below, place.part())).unzip();
        // One zero only: what is hashed is the number, not its sign.
        let reals = reals.into_iter().map(|value| value + 0.0).collect();
        Ok(Self { shape, quantum, values, reals, parts, given: Given::Real })
    }

    /// Channels, height, width.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The lattice's step.
    #[must_use]
    pub fn quantum(&self) -> Quantum {
        self.quantum
    }

    /// The values in units of the quantum. Off the lattice ([`reals`](Self::reals)) they
    /// are rounded down: good for a picture, not for drawing.
    #[must_use]
    pub fn values(&self) -> &[i16] {
        &self.values
    }

    /// The values in input units, if the input is off the lattice.
    #[must_use]
    pub fn reals(&self) -> Option<&[f64]> {
        (self.given == Given::Real).then_some(&self.reals)
    }

    /// [`Place::part`] of each value, if the input is off the lattice.
    pub(crate) fn parts(&self) -> &[u8] {
        &self.parts
    }

    /// How the values were given.
    #[must_use]
    pub fn given(&self) -> Given {
        self.given
    }

    /// The L2 distance of the input from the values that it was made of, rounded up: zero but for
    /// an input [near the lattice](Given::NearLattice).
    ///
    /// A radius that is certified for the input holds for what was given with this much less.
    #[must_use]
    pub fn distance_from(&self, given: &[f64]) -> f64 {
        if self.given != Given::NearLattice {
            return 0.0;
        }
        let levels = f64::from(self.quantum.levels());
        let gaps = self.values.iter().zip(given).map(|(&taken, given)| {
            let gap = (f64::from(taken) / levels - given).abs();
            // Off by less than 1e-15: a quotient and a difference of numbers up to 1. Both ends are exact.
            let is_exact = gap <= 0.0 && (taken == 0 || f64::from(taken) >= levels);
            if is_exact { 0.0 } else { (gap + 1e-15).powi(2) }
        });
        gaps.sum::<f64>().sqrt() * (1.0 + 1e-9)
    }

    /// SHA-256 over shape, quantum and values: the input's identity in noise
    /// addresses and certificates. Off the lattice it is over the doubles.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        let real = self.given == Given::Real;
        hash.update(if real { &b"drs real input v1"[..] } else { b"drs input v1" });
        for dim in self.shape.dims() {
            hash.update((dim as u64).to_le_bytes());
        }
        hash.update(self.quantum.levels().to_le_bytes());
        if real {
            self.reals.iter().for_each(|value| hash.update(value.to_le_bytes()));
        } else {
            self.values.iter().for_each(|value| hash.update(value.to_le_bytes()));
        }
        Digest(hash.finalize().into())
    }
}

fn check_length(shape: Shape, found: usize) -> Result<(), LatticeError> {
    let expected = shape.values();
    if found == expected { Ok(()) } else { Err(LatticeError::Length { found, expected, shape }) }
}

/// A whole number of steps as an integer.
fn whole(steps: f64) -> i16 {
    #[expect(clippy::cast_possible_truncation, reason = "0 to MAX_LEVELS fits an i16")]
    let whole = steps as i16;
    whole
}

/// A real value among the lattice points: `below` + φ steps, 0 ≤ φ < 1, exactly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) below: i16,
    /// φ, without a rounding: a double times at most 12 bits has at most 65 bits.
    pub(crate) rest: DoubleDouble,
}

impl Place {
    /// Of a value from 0 to 1.
    pub(crate) fn of(value: f64, quantum: Quantum) -> Self {
        let steps = DoubleDouble::product(value, f64::from(quantum.levels()));
        let below = steps.floor();
        Self { below: whole(below), rest: steps + DoubleDouble::from(-below) }
    }

    /// ⌊64·φ⌋.
    pub(crate) fn part(&self) -> u8 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 63")]
        let part = self.rest.scale(64.0).floor() as u8;
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape::new([1, 1, 2]).unwrap()
    }

    fn reals(values: [f64; 2]) -> Result<LatticeInput, LatticeError> {
        LatticeInput::from_reals(shape(), Quantum::EIGHT_BIT, values.to_vec())
    }

    #[test]
    fn floats_meant_as_pixels_are_pixels_and_others_stay_what_they_are() {
        let pixels = reals([3.0f32 / 255.0, 1.0].map(f64::from)).unwrap();
        assert_eq!((pixels.values(), pixels.given()), (&[3, 255][..], Given::NearLattice));
        assert_eq!(pixels.reals(), None);
        let whole = LatticeInput::new(shape(), Quantum::EIGHT_BIT, vec![3, 255]).unwrap();
        assert_eq!(pixels.digest(), whole.digest(), "the same point, the same draws");
        let between = reals([0.5, 1.0]).unwrap();
        assert_eq!((between.values(), between.given()), (&[127, 255][..], Given::Real));
        assert_eq!(between.reals(), Some(&[0.5, 1.0][..]));
        // One value off the lattice is enough; just inside a thousandth of a step is not.
        assert_eq!(reals([3.0011 / 255.0, 0.0]).unwrap().given(), Given::Real);
        assert_eq!(reals([3.0009 / 255.0, 0.0]).unwrap().given(), Given::NearLattice);
        for bad in [f64::NAN, -0.1, 1.1] {
            assert!(reals([bad, 0.0]).is_err());
        }
    }

    #[test]
    fn digests_tell_inputs_apart() {
        let lattice = |values: [i16; 2]| {
            LatticeInput::new(shape(), Quantum::EIGHT_BIT, values.to_vec()).unwrap().digest()
        };
        assert_ne!(lattice([0, 1]), lattice([1, 0]));
        let one = reals([0.5, 0.25]).unwrap().digest();
        assert_ne!(one, reals([0.5, 0.25f64.next_up()]).unwrap().digest(), "the last bit counts");
        assert_ne!(one, lattice([127, 63]), "not the digest of the point below");
        assert_eq!(reals([0.5, 0.0]).unwrap().digest(), reals([0.5, -0.0]).unwrap().digest());
    }

    #[test]
    fn values_must_fit_shape_and_range() {
        assert!(LatticeInput::new(shape(), Quantum::EIGHT_BIT, vec![0]).is_err());
        assert!(LatticeInput::new(shape(), Quantum::EIGHT_BIT, vec![0, 256]).is_err());
        assert!(LatticeInput::from_reals(shape(), Quantum::EIGHT_BIT, vec![0.5]).is_err());
    }

    #[test]
    fn places_are_exact_on_both_sides_of_a_lattice_point() {
        // The doubles around 1/3: times 255 they lie below and above 85 by less than an ulp of 85.
        for (value, below, part) in [(1.0 / 3.0, 84, 63), ((1.0f64 / 3.0).next_up(), 85, 0)] {
            let place = Place::of(value, Quantum::EIGHT_BIT);
            assert_eq!((place.below, place.part()), (below, part), "{value}");
        }
        for value in [0.0, 1.0] {
            let place = Place::of(value, Quantum::EIGHT_BIT);
            assert_eq!((f64::from(place.below), place.part()), (255.0 * value, 0));
        }
        // 127.5 = 127 + 32/64 exactly.
        let place = Place::of(0.5, Quantum::EIGHT_BIT);
        assert_eq!((place.below, place.part()), (127, 32));
        let place = Place::of(0.5f64.next_down(), Quantum::EIGHT_BIT);
        assert_eq!((place.below, place.part()), (127, 31));
    }
}
