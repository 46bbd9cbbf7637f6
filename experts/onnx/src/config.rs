//! The `config` table of an ONNX expert.

use std::path::PathBuf;

use drs_plugins_api::{Error, ErrorKind};
use serde::Deserialize;

/// ```toml
/// config = { model = "s025.onnx" }
/// config = { model = "s025.onnx", sigma = 0.25, classes = ["cat", "dog"], mean = [0.29], std = [0.35] }
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The ONNX file, relative to experts.toml.
    pub(crate) model: PathBuf,
    /// Noise level; from the model's metadata by default.
    pub(crate) sigma: Option<f64>,
    /// Class names; from the model's metadata by default.
    pub(crate) classes: Option<Vec<String>>,
    /// Per channel: inputs become (x − mean)/std before the model sees them.
    /// Noise is added before that, and sigma stays in units of x.
    pub(crate) mean: Option<Vec<f32>>,
    /// See `mean`.
    pub(crate) std: Option<Vec<f32>>,
}

/// (x − mean)/std per channel.
#[derive(Debug)]
pub(crate) struct Normalisation {
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Config {
    pub(crate) fn normalisation(&self, channels: usize) -> Result<Option<Normalisation>, Error> {
        let wrong = |message: String| Error::new(ErrorKind::Config, message);
        if self.mean.is_none() && self.std.is_none() {
            return Ok(None);
        }
        let mean = self.mean.clone().unwrap_or_else(|| vec![0.0; channels]);
        let std = self.std.clone().unwrap_or_else(|| vec![1.0; channels]);
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
        Ok(Some(Normalisation { mean, std }))
    }
}

impl Normalisation {
    /// Normalises NCHW values in place; `plane` is height times width.
    pub(crate) fn apply(&self, values: &mut [f32], plane: usize) {
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

    fn config(mean: Option<Vec<f32>>, std: Option<Vec<f32>>) -> Config {
        Config { model: PathBuf::new(), sigma: None, classes: None, mean, std }
    }

    #[test]
    fn each_channel_has_its_own_mean_and_std() {
        let config = config(Some(vec![1.0, 2.0]), Some(vec![2.0, 4.0]));
        let normalisation = config.normalisation(2).unwrap().unwrap();
        let mut values = [1.0, 3.0, 2.0, 6.0, 5.0, 5.0, -2.0, 2.0];
        normalisation.apply(&mut values, 2);
        assert_eq!(values, [0.0, 1.0, 0.0, 1.0, 2.0, 2.0, -1.0, 0.0]);
    }

    #[test]
    fn wrong_lengths_and_zero_std_are_errors() {
        assert!(config(None, None).normalisation(3).unwrap().is_none());
        assert!(config(Some(vec![0.5]), None).normalisation(3).is_err());
        assert!(config(None, Some(vec![0.0])).normalisation(1).is_err());
    }
}
