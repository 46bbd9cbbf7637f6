//! What plugins say about themselves.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Facts about a plugin library, known before an expert is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PluginInfo {
    /// Name, as in `drs_expert_<name>`.
    pub name: String,
    /// Version of the plugin.
    pub version: String,
    /// The native runtime it links, if any: two plugins that bring the same
    /// runtime in different versions cannot share a process.
    #[serde(default)]
    pub native_runtime: Option<NativeRuntime>,
}

/// A native runtime library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NativeRuntime {
    /// Name, such as `libtorch`.
    pub name: String,
    /// Exact version.
    pub version: String,
}

impl NativeRuntime {
    /// A library and its exact version.
    #[must_use]
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into() }
    }
}

/// Facts about an opened expert: [`Manifest::new`], and what else is to be said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// Noise level the model was trained for, in input units (\[0, 1\] pixels).
    pub sigma: f64,
    /// Channels, height, width.
    pub shape: [usize; 3],
    /// Names of the classes, in the order of the vote indices. For a router,
    /// the names of the experts.
    pub classes: Vec<String>,
    /// Inputs per batch at which the model is fast.
    pub preferred_batch: usize,
    /// How many `vote` calls may run at once; 0 for any number.
    #[serde(default = "one")]
    pub concurrency: usize,
    /// Files the model is made of, each of which [`Plugin::files`](crate::Plugin::files) declared;
    /// certificates hold the digests of all that were.
    #[serde(default)]
    pub files: Vec<PathBuf>,
    /// Optional abilities by name; hosts ignore those they do not know.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Largest share of votes, 0 to [`MOST_TOLERANCE`](Self::MOST_TOLERANCE), that may change
    /// when their inputs stand in other places of the batch or beside other inputs: for
    /// runtimes that then sum floats in another order. 0, the default, where every input is
    /// computed in the same way. The host tries it during runs, and stops where more change.
    #[serde(default)]
    pub tolerance: f64,
}

impl Manifest {
    /// A model trained for noise `sigma`, on inputs of `shape` (channels, height, width), that votes
    /// for one of `classes` and is fast with batches of `preferred_batch`. One call at a time, no
    /// files, no capabilities and no tolerance, unless the methods below say otherwise.
    #[must_use]
    pub fn new(
        sigma: f64,
        shape: [usize; 3],
        classes: Vec<String>,
        preferred_batch: usize,
    ) -> Self {
        let (files, capabilities) = (Vec::new(), Vec::new());
        let (concurrency, tolerance) = (one(), 0.0);
        Self { sigma, shape, classes, preferred_batch, concurrency, files, capabilities, tolerance }
    }

    /// With [`concurrency`](Self::concurrency): so many calls at once, 0 for any number.
    #[must_use]
    pub fn concurrency(self, concurrency: usize) -> Self {
        Self { concurrency, ..self }
    }

    /// With the [`files`](Self::files) that the model is made of.
    #[must_use]
    pub fn files(self, files: Vec<PathBuf>) -> Self {
        Self { files, ..self }
    }

    /// With an ability, such as [`DRAWS`](crate::DRAWS).
    #[must_use]
    pub fn capability(mut self, name: impl Into<String>) -> Self {
        self.capabilities.push(name.into());
        self
    }

    /// With a [`tolerance`](Self::tolerance).
    #[must_use]
    pub fn tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// More is no matter of rounding.
    pub const MOST_TOLERANCE: f64 = 0.05;

    /// Whether the tolerance is one that a runtime may ask for.
    #[must_use]
    pub fn has_possible_tolerance(&self) -> bool {
        (0.0..=Self::MOST_TOLERANCE).contains(&self.tolerance)
    }
}

fn one() -> usize {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_tolerated_and_missing_ones_default() {
        let text =
            r#"{"sigma":0.5,"shape":[1,2,3],"classes":["a","b"],"preferred_batch":8,"later":true}"#;
        let manifest: Manifest = serde_json::from_str(text).unwrap();
        assert_eq!((manifest.concurrency, manifest.files.len()), (1, 0));
        assert!(manifest.tolerance == 0.0 && manifest.has_possible_tolerance());
        for tolerance in [-1e-9, 0.06, f64::NAN] {
            assert!(!Manifest { tolerance, ..manifest.clone() }.has_possible_tolerance());
        }
    }
}
