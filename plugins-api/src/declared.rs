//! What the model file and the configuration say of sigma and classes.
//!
//! For plugins whose model files can hold metadata: where both speak they must
//! agree, where neither does it is an error that says what to write.

use serde::Deserialize;

use crate::error::{Error, ErrorKind};

/// How the error begins where nobody tells sigma; whoever opens a model may ask for it then.
pub const NO_SIGMA: &str = "sigma: the model's metadata has no drs.sigma";

/// The same of the classes.
pub const NO_CLASSES: &str = "classes: the model's metadata has no drs.classes";

/// The `classes` of a `config` table: names, or how many there are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Classes {
    /// `["cat", "dog"]`
    Names(Vec<String>),
    /// `10`, which names them `0` to `9`.
    Number(u16),
}

impl Classes {
    fn names(&self) -> Vec<String> {
        match self {
            Self::Names(names) => names.clone(),
            Self::Number(number) => (0..*number).map(|class| class.to_string()).collect(),
        }
    }
}

/// Sigma from the metadata property `drs.sigma`, the configuration, or both.
///
/// # Errors
/// If neither tells it, they disagree, or the metadata is no number.
pub fn sigma(metadata: Option<&str>, config: Option<f64>) -> Result<f64, Error> {
    let told = metadata
        .map(|text| {
            let number = text.trim().parse::<f64>().ok().filter(|sigma| sigma.is_finite());
            number.ok_or_else(|| {
                let message = format!("metadata drs.sigma is \"{text}\", expected a number");
                Error::new(ErrorKind::Model, message)
            })
        })
        .transpose()?;
    match (told, config) {
        (Some(told), Some(config)) if told != config => Err(Error::new(
            ErrorKind::Config,
            format!("sigma: {config} in the configuration, but the model's metadata says {told}"),
        )
        .hint("remove sigma from the configuration, or use the model that was trained for it")),
        (Some(sigma), _) | (None, Some(sigma)) => Ok(sigma),
        (None, None) => Err(Error::new(ErrorKind::Config, NO_SIGMA)
            .hint("add `sigma = …` to the config table in experts.toml")),
    }
}

/// Class names from the metadata property `drs.classes`, the configuration, or
/// both. `outputs` is the model's number of outputs, where it is known.
///
/// # Errors
/// If neither tells them, they disagree, or their number is not that of the outputs.
pub fn classes(
    metadata: Option<&str>,
    config: Option<&Classes>,
    outputs: Option<usize>,
) -> Result<Vec<String>, Error> {
    let told: Option<Vec<String>> =
        metadata.map(|text| text.split(',').map(|name| name.trim().to_owned()).collect());
    let classes = match (told, config.map(Classes::names)) {
        (Some(told), Some(config)) if told != config => {
            let message = format!(
                "classes: {config:?} in the configuration, but the model's metadata says {told:?}"
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        (Some(classes), _) => classes,
        (None, Some(config)) => config,
        (None, None) => {
            return Err(Error::new(ErrorKind::Config, NO_CLASSES).hint(
                "add `classes = [\"…\"]` or their number to the config table in experts.toml",
            ));
        }
    };
    match outputs {
        Some(outputs) if outputs != classes.len() => Err(Error::new(
            ErrorKind::Config,
            format!("classes: {} names, but the model has {outputs} outputs", classes.len()),
        )),
        _ => Ok(classes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigma_comes_from_either_and_must_agree() {
        assert_eq!(sigma(Some("0.25"), None), Ok(0.25));
        assert_eq!(sigma(None, Some(0.5)), Ok(0.5));
        assert_eq!(sigma(Some("0.5"), Some(0.5)), Ok(0.5));
        assert!(
            sigma(Some("0.5"), Some(0.25)).unwrap_err().to_string().contains("metadata says 0.5")
        );
        assert!(sigma(None, None).unwrap_err().to_string().contains("drs.sigma"));
        assert!(sigma(Some("half"), None).is_err());
        assert!(sigma(Some("nan"), None).unwrap_err().to_string().contains("expected a number"));
    }

    #[test]
    fn classes_come_from_either_and_must_agree_and_fit() {
        let names = ["a".to_owned(), "b".to_owned()];
        let config = Classes::Names(names.to_vec());
        assert_eq!(classes(Some("a, b"), None, Some(2)).unwrap(), names);
        assert_eq!(classes(None, Some(&config), None).unwrap(), names);
        assert_eq!(classes(None, Some(&Classes::Number(2)), Some(2)).unwrap(), ["0", "1"]);
        assert!(classes(Some("a,c"), Some(&config), None).is_err());
        assert!(classes(Some("a,b"), None, Some(3)).unwrap_err().to_string().contains("3 outputs"));
        assert!(classes(None, None, None).is_err());
    }
}
