//! What the server and its models are, in JSON.

use serde_json::{Map, Value, json};

use crate::answer::COLUMNS;
use crate::input::NAME;
use crate::metrics::{Statistics, Tally};
use crate::served::{Model, Pool, VERSION};

/// Parts of the protocol beyond what all servers have.
pub(crate) const EXTENSIONS: [&str; 3] =
    ["binary_tensor_data", "model_configuration", "statistics"];

/// What runs the models.
pub(crate) const PLATFORM: &str = "drs";

pub(super) fn server() -> Value {
    json!({"name": "drs", "version": env!("CARGO_PKG_VERSION"), "extensions": EXTENSIONS})
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

pub(super) fn metadata(pool: &Pool, model: &Model) -> Value {
    let outputs = COLUMNS
        .each_ref()
        .map(|column| json!({"name": column.name, "datatype": column.datatype, "shape": [-1]}));
    let properties: Map<String, Value> =
        properties(pool, model).into_iter().map(|(name, value)| (name, json!(value))).collect();
    json!({
        "name": model.name,
        "versions": [VERSION],
        "platform": PLATFORM,
        "inputs": [{"name": NAME, "datatype": "UINT8", "shape": shape(pool)}],
        "outputs": outputs,
        "properties": properties,
    })
}

/// As Triton names datatypes in configurations.
fn config_type(datatype: &str) -> String {
    format!("TYPE_{}", if datatype == "BYTES" { "STRING" } else { datatype })
}

pub(super) fn config(pool: &Pool, model: &Model, most_inputs: usize) -> Value {
    let output = COLUMNS.each_ref().map(
        |column| json!({"name": column.name, "data_type": config_type(column.datatype), "dims": []}),
    );
    json!({
        "name": model.name,
        "platform": PLATFORM,
        "backend": PLATFORM,
        "max_batch_size": most_inputs,
        "input": [{"name": NAME, "data_type": "TYPE_UINT8", "dims": shape(pool)[1..]}],
        "output": output,
    })
}

pub(super) fn statistics(all: &[(&str, Statistics)]) -> Value {
    let tally = |tally: Tally| json!({"count": tally.count, "ns": tally.ns});
    let none = || json!({"count": 0, "ns": 0});
    let one = |(name, found): &(&str, Statistics)| {
        json!({
            "name": name,
            "version": VERSION,
            "last_inference": found.last_ms,
            "inference_count": found.inputs,
            "execution_count": found.executions,
            "inference_stats": {
                "success": tally(found.success),
                "fail": tally(found.fail),
                "queue": tally(found.queue),
                "compute_input": none(),
                "compute_infer": tally(found.infer),
                "compute_output": none(),
                "cache_hit": none(),
                "cache_miss": none(),
            },
            "batch_stats": [],
        })
    };
    json!({"model_stats": all.iter().map(one).collect::<Vec<_>>()})
}
