//! Settings that experts and routers share.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use drs_data::{Dataset, InputSpec, OpenOptions, Subset};
use drs_progress::say;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::images::{Images, order, random};

/// The data to train on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// A data set, as `drs certify --data` takes it.
    pub path: PathBuf,
    /// Which part.
    #[serde(default = "train")]
    pub split: String,
    /// First index.
    #[serde(default)]
    pub start: usize,
    /// Every so many.
    #[serde(default)]
    pub skip: usize,
    /// At most so many.
    #[serde(default)]
    pub max: Option<usize>,
    /// So many of these, chosen at random, are for validation.
    pub hold_out: usize,
    /// Chooses them.
    #[serde(default)]
    pub hold_out_seed: u64,
    /// Names of the classes in order, where the data set has none, or has the same in another order.
    #[serde(default)]
    pub classes: Option<Vec<String>>,
}

fn train() -> String {
    "train".to_owned()
}

/// Number format of convolutions; everything else is f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits, as wide a range.
    Bf16,
}

/// Images to train on, images held out, names of the classes.
pub(crate) type Read = (Images, Images, Option<Vec<String>>);

impl Data {
    pub(crate) fn read(&self, spec: InputSpec) -> anyhow::Result<Read> {
        let options = OpenOptions { split: self.split.clone(), ..OpenOptions::default() };
        let data = Dataset::open(&self.path, spec, &options)?;
        let data = match &self.classes {
            Some(classes) => data.for_experts(classes).context("data.classes")?,
            None => data,
        };
        data.notes().iter().for_each(|note| say!("note: {note}"));
        let (chosen, held_out) = self.parts(data.len())?;
        let names = data.classes().map(<[String]>::to_vec);
        Ok((Images::read(&data, spec, chosen)?, Images::read(&data, spec, held_out)?, names))
    }

    /// Indices to train on, and indices held out.
    pub(crate) fn parts(&self, len: usize) -> anyhow::Result<(Vec<usize>, Vec<usize>)> {
        let subset = Subset { start: self.start, skip: self.skip, max: self.max };
        let indices: Vec<usize> = subset.indices(len).collect();
        ensure!(
            (1..indices.len()).contains(&self.hold_out),
            "data.hold_out: {} found, expected 1 to {} for {} inputs",
            self.hold_out,
            indices.len().saturating_sub(1),
            indices.len()
        );
        let places = order(indices.len(), &mut random(self.hold_out_seed, 0, 0));
        let (held_out, rest) = places.split_at(self.hold_out);
        let sorted = |places: &[usize]| {
            let mut chosen: Vec<usize> = places.iter().map(|&place| indices[place]).collect();
            chosen.sort_unstable();
            chosen
        };
        Ok((sorted(rest), sorted(held_out)))
    }
}

/// Reads settings from a TOML file, with changes of the form `key.key=value`.
///
/// # Errors
/// If the file cannot be read, or a key is unknown, missing or wrong.
pub fn read<T: DeserializeOwned>(path: &Path, changes: &[String]) -> anyhow::Result<T> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    if changes.is_empty() {
        // Straight from the text, so that errors show the line.
        return toml::from_str(&text).with_context(|| path.display().to_string());
    }
    let mut table: toml::Table =
        toml::from_str(&text).with_context(|| path.display().to_string())?;
    for change in changes {
        set(&mut table, change).with_context(|| format!("--set {change}"))?;
    }
    let outcome = table.try_into();
    outcome.with_context(|| format!("{} with --set {}", path.display(), changes.join(" --set ")))
}

fn set(table: &mut toml::Table, change: &str) -> anyhow::Result<()> {
    let (keys, value) = change.split_once('=').context("expected KEY=VALUE")?;
    // What is no number, list and so on is a text.
    let parsed: Option<toml::Table> = toml::from_str(&format!("value = {value}")).ok();
    let value = parsed.and_then(|mut table| table.remove("value"));
    let value = value.unwrap_or_else(|| change[keys.len() + 1..].into());
    let mut keys: Vec<&str> = keys.split('.').collect();
    let last = keys.pop().context("expected a key")?;
    let mut place = table;
    for key in keys {
        let inner = place.entry(key).or_insert_with(|| toml::Table::new().into());
        place = inner.as_table_mut().with_context(|| format!("{key} is no table"))?;
    }
    place.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(hold_out: usize) -> Data {
        toml::from_str(&format!("path = 'd'\nskip = 2\nhold_out = {hold_out}")).unwrap()
    }

    #[test]
    fn held_out_inputs_are_apart_from_the_others() {
        let (rest, held_out) = data(3).parts(20).unwrap();
        assert_eq!((rest.len(), held_out.len()), (7, 3));
        let mut all = [rest, held_out].concat();
        all.sort_unstable();
        assert_eq!(all, (0..20).step_by(2).collect::<Vec<_>>());
        for wrong in [0, 10, 11] {
            assert!(data(wrong).parts(20).unwrap_err().to_string().contains("hold_out"));
        }
    }

    #[test]
    fn changes_reach_deep_and_keep_their_types() {
        let mut table: toml::Table = toml::from_str("a = 1\n[b]\nc = 2").unwrap();
        for change in ["a=2.5", "b.c=[1, 2]", "b.d.e=photos", "f='x'"] {
            set(&mut table, change).unwrap();
        }
        let expected = "a = 2.5\nf = 'x'\n[b]\nc = [1, 2]\n[b.d]\ne = 'photos'";
        assert_eq!(table, toml::from_str::<toml::Table>(expected).unwrap());
        assert!(set(&mut table, "a.b=1").unwrap_err().to_string().contains("no table"));
        assert!(set(&mut table, "a").is_err());
    }
}
