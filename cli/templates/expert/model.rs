//! A linear model, as a JSON file.

use std::path::Path;

use drs_plugins_api::{Error, ErrorKind};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    /// Standard deviation of the noise it was trained for; pixels are in [0, 1].
    pub(crate) sigma: f64,
    /// Channels, height, width.
    pub(crate) shape: [usize; 3],
    pub(crate) classes: Vec<String>,
    /// For each class, one weight per input value.
    weights: Vec<Vec<f64>>,
    /// One for each class.
    bias: Vec<f64>,
}

impl Model {
    /// Reads and checks a model.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let wrong = |problem: String| {
            Error::new(ErrorKind::Model, format!("{}: {problem}", path.display()))
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            wrong(error.to_string()).hint("`model` is a path from experts.toml")
        })?;
        let model: Self = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        model.check().map_err(wrong)?;
        Ok(model)
    }

    fn check(&self) -> Result<(), String> {
        let classes = self.classes.len();
        let values = self
            .shape
            .iter()
            .try_fold(1, |all: usize, &dim| all.checked_mul(dim));
        if classes < 2 {
            return Err(format!("classes: {classes} found, expected at least 2"));
        }
        for (field, found) in [("weights", self.weights.len()), ("bias", self.bias.len())] {
            if found != classes {
                return Err(format!(
                    "{field}: {found} found, expected {classes}, one per class"
                ));
            }
        }
        match self.weights.iter().find(|row| Some(row.len()) != values) {
            Some(row) => {
                let (found, shape) = (row.len(), self.shape);
                Err(format!(
                    "weights: {found} in a row, expected one per value of {shape:?}"
                ))
            }
            None => Ok(()),
        }
    }

    /// One output per class, always summed in the same order.
    pub(crate) fn logits(&self, input: &[f32]) -> impl Iterator<Item = f32> {
        self.weights.iter().zip(&self.bias).map(|(weights, bias)| {
            let products = input.iter().zip(weights).map(|(x, w)| f64::from(*x) * w);
            products.fold(*bias, |sum, product| sum + product) as f32
        })
    }
}
