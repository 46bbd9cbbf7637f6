//! What the server and its models are, in JSON.

use serde_json::{Map, Value, json};

use crate::answer::COLUMNS;
use crate::facts::{EXTENSIONS, PLATFORM, datatype, properties, shape};
use crate::input::NAME;
use crate::metrics::{Statistics, Tally};
use crate::served::{Model, Pool, VERSION};

pub(super) fn server() -> Value {
    json!({"name": "drs", "version": env!("CARGO_PKG_VERSION"), "extensions": EXTENSIONS})
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
        "inputs": [{"name": NAME, "datatype": datatype(pool), "shape": shape(pool)}],
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
        "input": [{"name": NAME, "data_type": config_type(datatype(pool)), "dims": shape(pool)[1..]}],
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
