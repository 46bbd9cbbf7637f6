//! Inputs that the caller brings: of files that this crate does not read, or of no file at all.

use std::fmt;
use std::path::{Path, PathBuf};

use drs_core::lattice::LatticeInput;

use super::Example;
use super::classes::{Names, Raw};
use crate::Image;
use crate::error::DataError;

/// Inputs by index.
pub trait Inputs: Send + Sync {
    /// The number of inputs.
    fn count(&self) -> usize;

    /// One input, of the shape and lattice that the models take. Called from several threads.
    ///
    /// # Errors
    /// In words, if there is none.
    fn input(&self, index: usize) -> Result<LatticeInput, String>;
}

/// Inputs of the caller, with what is known of them.
pub struct Brought {
    /// What messages call them.
    pub name: String,
    /// The inputs themselves.
    pub inputs: Box<dyn Inputs>,
    /// For each input the number of its class, if there are any.
    pub labels: Option<Vec<usize>>,
    /// Names of the classes, in the order of these numbers, if they have any.
    pub classes: Option<Vec<String>>,
}

impl fmt::Debug for Brought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Brought({})", self.name)
    }
}

impl Brought {
    pub(super) fn get(&self, index: usize) -> Result<Example, DataError> {
        let count = self.inputs.count();
        let input = if index < count {
            self.inputs.input(index)
        } else {
            Err(format!("none, there are {count}"))
        };
        let input = input.map_err(|problem| {
            DataError::new(Path::new(&self.name), format!("input {index}: {problem}"))
        })?;
        let image = Image { input, conversion: None };
        Ok(Example::of(index, None, image, index.to_string()))
    }

    /// The labels as they were given.
    pub(super) fn raw(&self) -> Result<Option<Raw>, DataError> {
        let Some(labels) = &self.labels else { return Ok(None) };
        let (found, expected) = (labels.len(), self.inputs.count());
        let source = PathBuf::from(&self.name);
        if found != expected {
            let problem = format!("{found} labels found, expected {expected}, one for each input");
            return Err(DataError::new(&source, problem));
        }
        let names = self.classes.clone().map(|list| {
            let what = "class names of the data set".to_owned();
            Names { list, what, are_stored_places: true }
        });
        Ok(Some(Raw { source, labels: labels.clone(), names, first: 0, note: None }))
    }
}
