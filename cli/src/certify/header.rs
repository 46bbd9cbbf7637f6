//! What a run is: all that its results depend on, beside its results.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use drs_core::certificate::{Certificate, ModelRecord};
use drs_core::lattice::Digest;
use drs_core::noise::Seed;
use drs_core::protocol::Protocol;
use drs_core::rule::Term;
use drs_core::verify::item;
use drs_data::{Dataset, InputSpec, Shard, Subset};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::whole::Prepared;

/// Version of the layout.
pub(crate) const VERSION: u32 = 2;

/// Inputs whose digests stand for the data set's.
const PROBES: usize = 64;

/// Where those digests are in a header.
const PROBED: &str = "data.probes.";

/// Everything that results depend on. Paths are not among it: data and models may lie
/// elsewhere on another machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) version: u32,
    /// Of this program.
    pub(crate) drs: String,
    /// As in certificates.
    pub(crate) method: String,
    pub(crate) protocol: Protocol,
    pub(crate) seed: Seed,
    pub(crate) input: InputSpec,
    pub(crate) data: DataRecord,
    pub(crate) start: usize,
    pub(crate) skip: usize,
    pub(crate) max: Option<usize>,
    /// The part of these inputs that the run takes, if not all.
    pub(crate) shard: Option<Shard>,
    pub(crate) models: Vec<ModelRecord>,
    pub(crate) blend: Vec<Term>,
    /// The name of the table, without its folder: another table with these certificates is
    /// another run's. Results do not depend on it.
    pub(crate) table: String,
}

/// The identity of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DataRecord {
    pub(crate) inputs: usize,
    /// SHA-256 over all labels.
    pub(crate) labels: Digest,
    /// The digests of 64 inputs by index, evenly spread; `None` for one that cannot be read.
    /// Certificates hold the digest of every input.
    pub(crate) probes: BTreeMap<usize, Option<Digest>>,
}

impl DataRecord {
    /// Reads those inputs. One that cannot be read says nothing of the others; where none can,
    /// the data are not what they are taken for.
    pub(crate) fn of(data: &Dataset) -> anyhow::Result<Self> {
        let inputs = data.len();
        let label = |index| data.label(index).map_or_else(|| "-".to_owned(), |l| l.to_string());
        let labels: Vec<String> = (0..inputs).map(label).collect();
        let labels = Digest::of(labels.join("\n").as_bytes());
        let step = inputs.div_ceil(PROBES).max(1);
        let (mut probes, mut problem) = (BTreeMap::new(), None);
        for index in (0..inputs).step_by(step) {
            let digest = match data.get(index) {
                Ok(example) => Some(example.input.digest()),
                Err(error) => {
                    problem.get_or_insert(error);
                    None
                }
            };
            probes.insert(index, digest);
        }
        match problem {
            Some(problem) if probes.values().all(Option::is_none) => Err(problem)
                .with_context(|| format!("none of the {} inputs tried can be read", probes.len())),
            _ => Ok(Self { inputs, labels, probes }),
        }
    }

    /// With what an earlier run could read.
    pub(crate) fn complete(&mut self, earlier: &Self) {
        for (index, digest) in &mut self.probes {
            *digest = digest.or_else(|| earlier.probes.get(index).copied().flatten());
        }
    }
}

impl Header {
    /// What votes and results depend on, but not of which inputs they are.
    pub(crate) fn classifier(&self) -> Digest {
        let table = String::new();
        let mut every = Self { start: 0, skip: 1, max: None, shard: None, table, ..self.clone() };
        every.data.probes.clear();
        // It was or will be written as JSON: there is no value that cannot be.
        Digest::of(&serde_json::to_vec(&every).unwrap_or_default())
    }

    /// The inputs of the run, in the order of its results.
    pub(crate) fn indices(&self) -> Vec<usize> {
        let subset = Subset { start: self.start, skip: self.skip, max: self.max };
        let places = subset.indices(self.data.inputs).enumerate();
        places
            .filter(|(place, _)| self.shard.is_none_or(|shard| shard.has(*place)))
            .map(|(_, index)| index)
            .collect()
    }

    /// Whether a certificate is of this run.
    pub(crate) fn made(&self, certificate: &Certificate) -> bool {
        let Certificate { method, protocol, blend, provenance, .. } = certificate;
        let from = provenance.as_ref();
        (method, protocol, blend) == (&self.method, &self.protocol, &self.blend)
            && from.is_some_and(|from| from.seed == self.seed && from.models == self.models)
    }

    /// Reads one; `None` if there is none.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let value: Value = serde_json::from_str(&text)
            .with_context(|| format!("{}: not the description of a run", path.display()))?;
        match value.get("version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            version => bail!(
                "{}: version {} found, expected {VERSION}: another release of drs wrote it",
                path.display(),
                version.map_or_else(|| "none".to_owned(), |version| version.to_string())
            ),
        }
        let header: Self =
            serde_json::from_value(value).with_context(|| path.display().to_string())?;
        header.check_size().with_context(|| path.display().to_string())?;
        Ok(Some(header))
    }

    /// Refuses more inputs or shards than the machine can have a list of.
    fn check_size(&self) -> anyhow::Result<()> {
        const ENTRY: u64 = 64;
        let shards = self.shard.map_or(1, Shard::of);
        for (field, count) in [("data.inputs", self.data.inputs), ("shard", shards)] {
            let _claim = drs_memory::claim((count as u64).saturating_mul(ENTRY))
                .with_context(|| format!("{field} is {count}"))?;
        }
        Ok(())
    }

    /// Writes it whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        self.prepared(path)?.put()
    }

    /// Writes it, but does not give it its name yet.
    pub(crate) fn prepared(&self, path: &Path) -> anyhow::Result<Prepared> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        Prepared::new(path, |file| file.write_all(text.as_bytes()))
    }

    /// Field by field what is not as in `other`: its path, what is here, what is there. An input
    /// that could not be read, here or there, is not compared.
    pub(crate) fn differences(&self, other: &Self) -> Vec<(String, String, String)> {
        let (own, other) = (self.fields(), other.fields());
        let paths: std::collections::BTreeSet<&String> = own.keys().chain(other.keys()).collect();
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
