//! What a run is: all that its results depend on, beside its results.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use drs_core::certificate::{Certificate, ModelRecord};
use drs_core::lattice::Digest;
use drs_core::noise::Seed;
use drs_core::protocol::Protocol;
use drs_core::rule::Term;
use drs_core::verify::item;
use drs_data::{InputSpec, Shard, Subset};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::log::LogError;

/// Where those digests are in a header.
const PROBED: &str = "data.probes.";

/// Everything that results depend on. Paths are not among it: data and models may lie
/// elsewhere on another machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`Header::VERSION`].
    pub version: u32,
    /// Of this program.
    pub drs: String,
    /// As in certificates.
    pub method: String,
    /// What was asked for.
    pub protocol: Protocol,
    /// What the noise is addressed by.
    pub seed: Seed,
    /// What inputs look like.
    pub input: InputSpec,
    /// Which data set.
    pub data: DataRecord,
    /// The first input.
    pub start: usize,
    /// One input in so many; 0 counts as 1.
    pub skip: usize,
    /// So many inputs at the most.
    pub max: Option<usize>,
    /// The part of these inputs that the run takes, if not all.
    pub shard: Option<Shard>,
    /// The models, the router first.
    pub models: Vec<ModelRecord>,
    /// The terms of a blend.
    pub blend: Vec<Term>,
    /// The name of the table, without its folder: another table with these certificates is
    /// another run's. Results do not depend on it.
    pub table: String,
}

/// The identity of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecord {
    /// How many inputs it has.
    pub inputs: usize,
    /// SHA-256 over all labels.
    pub labels: Digest,
    /// The digests of 64 inputs by index, evenly spread; `None` for one that cannot be read.
    /// Certificates hold the digest of every input.
    pub probes: BTreeMap<usize, Option<Digest>>,
}

impl DataRecord {
    /// With what an earlier run could read.
    pub fn complete(&mut self, earlier: &Self) {
        for (index, digest) in &mut self.probes {
            *digest = digest.or_else(|| earlier.probes.get(index).copied().flatten());
        }
    }
}

impl Header {
    /// Version of the layout.
    pub const VERSION: u32 = 3;

    /// What votes and results depend on, but not of which inputs they are.
    #[must_use]
    pub fn classifier(&self) -> Digest {
        let table = String::new();
        let mut every = Self { start: 0, skip: 1, max: None, shard: None, table, ..self.clone() };
        every.data.probes.clear();
        // It was or will be written as JSON: there is no value that cannot be.
        Digest::of(&serde_json::to_vec(&every).unwrap_or_default())
    }

    /// The inputs of the run, in the order of its results.
    #[must_use]
    pub fn indices(&self) -> Vec<usize> {
        let subset = Subset { start: self.start, skip: self.skip, max: self.max };
        let places = subset.indices(self.data.inputs).enumerate();
        places
            .filter(|(place, _)| self.shard.is_none_or(|shard| shard.has(*place)))
            .map(|(_, index)| index)
            .collect()
    }

    /// Whether a certificate is of this run.
    #[must_use]
    pub fn made(&self, certificate: &Certificate) -> bool {
        let Certificate { method, protocol, blend, provenance, .. } = certificate;
        let from = provenance.as_ref();
        (method, protocol, blend) == (&self.method, &self.protocol, &self.blend)
            && from.is_some_and(|from| from.seed == self.seed && from.models == self.models)
    }

    /// Reads one; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, another release wrote it, or it tells of more inputs or shards than
    /// memory has room for.
    pub fn read(path: &Path) -> Result<Option<Self>, LogError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => Err(error.to_string()),
        };
        let header = text.and_then(|text| Self::parse(&text));
        header.map(Some).map_err(|problem| LogError { path: path.to_owned(), problem })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| format!("not the description of a run: {error}"))?;
        match value.get("version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(Self::VERSION) => {}
            version => {
                return Err(format!(
                    "version {} found, expected {}: another release of drs wrote it",
                    version.map_or_else(|| "none".to_owned(), |version| version.to_string()),
                    Self::VERSION
                ));
            }
        }
        let header: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        header.check_size()?;
        Ok(header)
    }

    /// Refuses more inputs or shards than the machine can have a list of.
    fn check_size(&self) -> Result<(), String> {
        const ENTRY: u64 = 64;
        let shards = self.shard.map_or(1, Shard::of);
        for (field, count) in [("data.inputs", self.data.inputs), ("shard", shards)] {
            let _claim = drs_memory::claim((count as u64).saturating_mul(ENTRY))
                .map_err(|error| format!("{field} is {count}: {error}"))?;
        }
        Ok(())
    }

    /// As it is written.
    ///
    /// # Errors
    /// None, for what can be read.
    pub fn text(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Field by field what is not as in `other`: its path, what is here, what is there. An input
    /// that could not be read, here or there, is not compared.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<(String, String, String)> {
        let (own, other) = (self.fields(), other.fields());
        let paths: BTreeSet<&String> = own.keys().chain(other.keys()).collect();
        let text =
            |value: Option<&String>| value.map_or_else(|| "nothing".to_owned(), String::clone);
        let unread = |value: Option<&String>| value.is_some_and(|value| value == "null");
        let mut probed = false;
        let differs = paths.into_iter().filter(|path| {
            let (own, other) = (own.get(*path), other.get(*path));
            if own == other {
                return false;
            }
            if !path.starts_with(PROBED) {
                return true;
            }
            // One other input is as much as sixty: it must not hide other fields.
            !(unread(own) || unread(other) || std::mem::replace(&mut probed, true))
        });
        differs.map(|path| (path.clone(), text(own.get(path)), text(other.get(path)))).collect()
    }

    fn fields(&self) -> BTreeMap<String, String> {
        fn walk(path: String, value: &Value, out: &mut BTreeMap<String, String>) {
            let below =
                |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            match value {
                Value::Object(map) => {
                    map.iter().for_each(|(key, value)| walk(below(key), value, out));
                }
                Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| {
                    walk(item(&path, index, value), value, out);
                }),
                _ => {
                    out.insert(path, value.to_string());
                }
            }
        }
        let mut out = BTreeMap::new();
        // It was or will be written as JSON: there is no value that cannot be.
        let own = Self { table: String::new(), ..self.clone() };
        let value = serde_json::to_value(own).unwrap_or_default();
        walk(String::new(), &value, &mut out);
        out
    }
}
