//! What the server and its models are, for both wires.

use serde_json::{Map, Value, json};

use crate::served::{Model, Pool};

/// Parts of the protocol beyond what all servers have.
pub(crate) const EXTENSIONS: [&str; 3] =
    ["binary_tensor_data", "model_configuration", "statistics"];

/// What runs the models.
pub(crate) const PLATFORM: &str = "drs";

/// The datatype that fits the input best; others are taken too.
pub(crate) fn datatype(pool: &Pool) -> &'static str {
    if pool.config.input.quantum.levels() == 255 { "UINT8" } else { "FP32" }
}

/// The shape of the input, −1 for the number of images.
pub(crate) fn shape(pool: &Pool) -> Vec<i64> {
    let dims = pool.config.input.shape.dims();
    std::iter::once(-1).chain(dims.map(|dim| i64::try_from(dim).unwrap_or(i64::MAX))).collect()
}

/// Which files answer, and how: texts by name.
pub(crate) fn properties(pool: &Pool, model: &Model) -> Vec<(String, String)> {
    let mut told = vec![
        ("generation".to_owned(), pool.generation.to_string()),
        ("classes".to_owned(), json!(pool.router.classes()).to_string()),
        ("methods".to_owned(), model.method.clone().unwrap_or_else(|| pool.methods.join(", "))),
    ];
    for record in pool.router.models() {
        let digests: Map<String, Value> =
            record.files.iter().map(|file| (file.name.clone(), json!(file.sha256))).collect();
        let all = json!({
            "sigma": record.sigma, "plugin": record.plugin, "plugin_sha256": record.plugin_sha256,
            "config_sha256": record.config_sha256, "files_sha256": digests,
        });
        told.push((format!("model.{}", record.name), all.to_string()));
    }
    told
}
