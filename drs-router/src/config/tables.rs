//! The tables of experts.toml as they are written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use drs_core::lattice::Digest;
use drs_core::protocol::AlphaSplit;
use drs_data::InputSpec;
use serde::Deserialize;

use super::auto;
use super::spec::{ExpertSpec, ModelSpec, RouterSpec};
use crate::limits::Limits;
use crate::term::NamedTerm;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) base: Option<PathBuf>,
    pub(super) input: InputSpec,
    pub(super) router: Option<RouterTable>,
    pub(super) expert: Vec<ExpertTable>,
    #[serde(default)]
    pub(super) alpha: AlphaSplit,
    #[serde(default)]
    pub(super) blend: Vec<NamedTerm>,
    #[serde(default)]
    pub(super) isolation: Limits,
}

/// Where a model lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    /// In the program's own process.
    #[default]
    None,
    /// In a process of its own.
    Process,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouterTable {
    shares: Option<String>,
    plugin: Option<String>,
    #[serde(default)]
    config: toml::Table,
    sha256: Option<Digest>,
    files: Option<BTreeMap<String, Digest>>,
    batch: Option<usize>,
    #[serde(default)]
    isolation: Place,
}

struct ModelTable {
    plugin: Option<String>,
    config: toml::Table,
    sha256: Option<Digest>,
    files: Option<BTreeMap<String, Digest>>,
    batch: Option<usize>,
    isolation: Place,
}

// `flatten` and `deny_unknown_fields` do not go together, hence the repetition.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpertTable {
    pub(super) name: String,
    plugin: Option<String>,
    #[serde(default)]
    config: toml::Table,
    sha256: Option<Digest>,
    files: Option<BTreeMap<String, Digest>>,
    batch: Option<usize>,
    #[serde(default)]
    isolation: Place,
}

impl RouterTable {
    /// `experts` are their names.
    pub(super) fn spec(self, experts: &[&str]) -> Result<RouterSpec, (String, String)> {
        let Self { shares, plugin, config, sha256, files, batch, isolation } = self;
        match (shares, plugin) {
            (None, plugin) if plugin.is_some() || !config.is_empty() => {
                let table = ModelTable { plugin, config, sha256, files, batch, isolation };
                model("router", table).map(RouterSpec::Own)
            }
            (Some(name), None)
                if config.is_empty()
                    && sha256.is_none()
                    && files.is_none()
                    && batch.is_none()
                    && isolation == Place::None =>
            {
                let place = experts.iter().position(|expert| *expert == name);
                place.map(RouterSpec::Shared).ok_or_else(|| {
                    let expected = experts.join(", ");
                    let problem = format!("\"{name}\" found, expected one of {expected}");
                    ("router.shares".into(), problem)
                })
            }
            (Some(_), _) => {
                let problem =
                    "stands alone: the model is the expert's, with its own plugin and config";
                Err(("router.shares".into(), problem.into()))
            }
            (None, _) => {
                let problem = "missing, expected a plugin name or a path, or shares = \"EXPERT\"";
                Err(("router.plugin".into(), problem.into()))
            }
        }
    }
}

impl ExpertTable {
    /// `field` is the table's path in the file, which errors name.
    pub(super) fn spec(self, field: &str) -> Result<ExpertSpec, (String, String)> {
        let Self { name, plugin, config, sha256, files, batch, isolation } = self;
        let table = ModelTable { plugin, config, sha256, files, batch, isolation };
        Ok(ExpertSpec { name, model: model(field, table)? })
    }
}

fn model(field: &str, table: ModelTable) -> Result<ModelSpec, (String, String)> {
    if table.plugin.as_deref() == Some("") {
        return Err((format!("{field}.plugin"), "empty, expected a plugin name or a path".into()));
    }
    if table.batch == Some(0) {
        return Err((format!("{field}.batch"), "0 found, expected at least 1".into()));
    }
    let config = json(&format!("{field}.config"), toml::Value::Table(table.config))?;
    let ModelTable { plugin, sha256, files, batch, isolation, .. } = table;
    let named = plugin.filter(|plugin| plugin != auto::AUTO);
    let chosen = named.is_none();
    let by_file = || auto::plugin(&config).map(str::to_owned);
    let plugin =
        named.map_or_else(by_file, Ok).map_err(|error| (format!("{field}.plugin"), error))?;
    let isolated = isolation == Place::Process;
    Ok(ModelSpec { plugin, chosen, config, sha256, files, batch, isolated })
}

/// TOML as JSON. What JSON cannot hold (NaN, ±∞) is an error, not a silent null.
fn json(field: &str, value: toml::Value) -> Result<serde_json::Value, (String, String)> {
    use serde_json::Value;
    Ok(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Float(number) => match serde_json::Number::from_f64(number) {
            Some(number) => Value::Number(number),
            None => {
                return Err((
                    field.to_owned(),
                    format!("{number} found, expected a finite number"),
                ));
            }
        },
        toml::Value::Array(items) => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| json(&format!("{field}[{index}]"), item))
            .collect::<Result<_, _>>()?,
        toml::Value::Table(table) => table
            .into_iter()
            .map(|(key, item)| json(&format!("{field}.{key}"), item).map(|item| (key, item)))
            .collect::<Result<serde_json::Map<_, _>, _>>()
            .map(Value::Object)?,
    })
}
