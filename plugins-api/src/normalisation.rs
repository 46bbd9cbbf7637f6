//! Normalisation in front of a model.

use crate::error::{Error, ErrorKind};

/// (x − mean)/std per channel.
///
/// Noise is added before it, and sigma stays in units of x.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalisation {
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Normalisation {
    /// From the `mean` and `std` of a `config` table; none if it has neither.
    ///
    /// # Errors
    /// If a list has not one value per channel, or a deviation is not above 0.
    pub fn from_config(
        mean: Option<&[f32]>,
        std: Option<&[f32]>,
        channels: usize,
    ) -> Result<Option<Self>, Error> {
        let wrong = |message: String| Error::new(ErrorKind::Config, message);
        if mean.is_none() && std.is_none() {
            return Ok(None);
        }
        let mean = mean.map_or_else(|| vec![0.0; channels], <[f32]>::to_vec);
        let std = std.map_or_else(|| vec![1.0; channels], <[f32]>::to_vec);
        for (name, values) in [("mean", &mean), ("std", &std)] {
            if values.len() != channels {
                let found = values.len();
                return Err(wrong(format!(
                    "{name}: {found} values, expected {channels} (one per channel)"
                )));
            }
        }
        if let Some(bad) = std.iter().find(|std| !(std.is_normal() && **std > 0.0)) {
            return Err(wrong(format!("std: {bad} found, expected numbers above 0")));
        }
        Ok(Some(Self { mean, std }))
    }

    /// One value per channel.
    #[must_use]
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// One value per channel.
    #[must_use]
    pub fn std(&self) -> &[f32] {
        &self.std
    }

    /// Normalises NCHW values in place; `plane` is height times width.
    pub fn apply(&self, values: &mut [f32], plane: usize) {
        let channels = self.mean.iter().zip(&self.std).cycle();
        for (plane, (mean, std)) in values.chunks_exact_mut(plane).zip(channels) {
            for value in plane {
                *value = (*value - mean) / std;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_has_its_own_mean_and_std() {
        let normalisation =
            Normalisation::from_config(Some(&[1.0, 2.0]), Some(&[2.0, 4.0]), 2).unwrap().unwrap();
        let mut values = [1.0, 3.0, 2.0, 6.0, 5.0, 5.0, -2.0, 2.0];
        normalisation.apply(&mut values, 2);
        assert_eq!(values, [0.0, 1.0, 0.0, 1.0, 2.0, 2.0, -1.0, 0.0]);
    }

    #[test]
    fn wrong_lengths_and_zero_std_are_errors() {
        assert!(Normalisation::from_config(None, None, 3).unwrap().is_none());
        assert!(Normalisation::from_config(Some(&[0.5]), None, 3).is_err());
        assert!(Normalisation::from_config(None, Some(&[0.0]), 1).is_err());
    }
}
