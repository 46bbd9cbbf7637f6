//! The tensors that a network needs, out of a file of the field.
//!
//! * `candidate`: every place in a file where the whole network is.
//! * `choose`: which of them is meant, if there are several.
//! * `front`: what stands before the network: a normalisation, by its numbers or by its place.
//! * `place`: which layers do stand before it.
//! * `rest`: whether anything that is left over would change the answers.
//! * `misfit`: what is said where the network is nowhere.

mod aside;
mod candidate;
mod choose;
mod front;
mod misfit;
mod place;
mod rest;

use std::collections::BTreeMap;

use crate::{Checkpoint, Tensor};

pub use front::{Front, MeanAndDeviation};

/// What a network needs.
#[derive(Debug, Clone, Copy)]
pub struct Needs<'a> {
    /// Its name, for messages.
    pub network: &'a str,
    /// Its tensors by name and shape; `None` stands for the number of classes, the same
    /// everywhere.
    pub tensors: &'a [(String, Vec<Option<usize>>)],
    /// Channels of its inputs.
    pub channels: usize,
}

/// A network's tensors, found.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// By the network's own names, of the shapes that it needs.
    pub tensors: BTreeMap<String, Tensor>,
    /// What stands before the network.
    pub front: Front,
    /// What the user should be told: a choice that was made, or what was set aside.
    pub notes: Vec<String>,
}

impl Checkpoint {
    /// Finds the tensors that a network needs.
    ///
    /// A prefix that all of them share is the name of a wrapper, such as `module.` or `model.`,
    /// and is taken off. A file may hold several sets of weights, in dicts of their own or
    /// under prefixes: `weights` chooses one by its key or prefix, or the averaged ones by
    /// `ema`, or the others by `raw`. Without it the averaged ones are taken, which published
    /// figures are about, and a note says so.
    ///
    /// # Errors
    /// If the network is nowhere in the file, several sets are there and nothing tells which is
    /// meant, or there are tensors besides it that may belong before or behind it.
    pub fn fit(&self, needs: Needs<'_>, weights: Option<&str>) -> Result<Fitted, String> {
        let found = candidate::all(self, needs);
        if found.is_empty() {
            return Err(misfit::describe(self, needs, weights));
        }
        let (chosen, mut notes) = choose::one(self, &found, needs, weights)?;
        let front = chosen.front.clone()?;
        notes.extend(rest::check(chosen, &found, needs, weights)?);
        notes.extend(front.note());
        let tensors = chosen.tensors(needs);
        let tensors = tensors.map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect();
        Ok(Fitted { tensors, front, notes })
    }
}
