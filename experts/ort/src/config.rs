//! The `config` table of an expert that ONNX Runtime runs.

use std::num::NonZeroU16;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::provider::Provider;

/// What every ONNX expert takes, and:
///
/// ```toml
/// config = { model = "s025.onnx", provider = "cuda", device = 1 }
/// config = { model = "s025.onnx", threads = 4 }
/// ```
#[derive(Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(crate) struct Config {
    /// Keys that do not depend on the runtime.
    pub(crate) file: drs_onnx_files::Config,
    pub(crate) own: Own,
}

/// The keys that are this plugin's own.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Own {
    /// What runs the model; the CPU by default.
    #[serde(default)]
    pub(crate) provider: Provider,
    /// The number of the device; 0 by default.
    pub(crate) device: Option<u16>,
    /// Threads for one batch on the CPU; 1 by default, since the host runs several batches at once.
    pub(crate) threads: Option<NonZeroU16>,
}

impl TryFrom<Map<String, Value>> for Config {
    type Error = String;

    /// Each key goes to one of the two, and what nobody knows is refused by `drs_onnx_files`.
    fn try_from(table: Map<String, Value>) -> Result<Self, String> {
        let is_own = |key: &str| ["provider", "device", "threads"].contains(&key);
        let (own, file): (Map<_, _>, Map<_, _>) =
            table.into_iter().partition(|(key, _)| is_own(key));
        let parsed = |error: serde_json::Error| {
            error
                .to_string()
                .replace("expected one of ", "expected one of `provider`, `device`, `threads`, ")
        };
        Ok(Self {
            own: serde_json::from_value(Value::Object(own)).map_err(|error| error.to_string())?,
            file: serde_json::from_value(Value::Object(file)).map_err(parsed)?,
        })
    }
}
