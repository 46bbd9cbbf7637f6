//! Which plugin runs a model, where experts.toml leaves it to the file.

use serde_json::Value;

use crate::built_in;

/// What stands for this choice in experts.toml; so does nothing.
pub const AUTO: &str = "auto";

/// Endings of what the `torch` plugin reads.
const TORCH: [&str; 7] = ["pt2", "pt", "pth", "ckpt", "tar", "bin", "safetensors"];

/// The plugin for the model file that a configuration names.
pub(super) fn plugin(config: &Value) -> Result<&'static str, String> {
    let file = config.get("model").and_then(Value::as_str);
    let ending = file.and_then(|file| file.rsplit_once('.')).map(|(_, ending)| ending);
    let ending = ending.map(str::to_ascii_lowercase).unwrap_or_default();
    match &*ending {
        "onnx" if has_onnx_runtime()? => Ok("ort"),
        "onnx" | "rten" => Ok("onnx"),
        ending if TORCH.contains(&ending) => Ok("torch"),
        _ => Err(match file {
            Some(file) => format!(
                "left to the model's file, but {file} ends neither in .onnx or .rten nor in one of .{}: name the plugin",
                TORCH.join(", .")
            ),
            None => "left to the model's file, but the config table has no model: name the plugin"
                .to_owned(),
        }),
    }
}

/// Whether the `ort` plugin is there, and what it loads.
fn has_onnx_runtime() -> Result<bool, String> {
    match drs_ort_library::find() {
        // Whoever names a library wants that one.
        Err(problem) if drs_ort_library::is_named() => Err(problem),
        Err(_) => Ok(false),
        Ok(_) => Ok(built_in::place("ort").is_some_and(|library| library.is_file())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_ending_of_the_model_tells() {
        for (model, expected) in [
            ("a/b.rten", "onnx"),
            ("a.pt2", "torch"),
            ("a.PT", "torch"),
            ("checkpoint.pth.tar", "torch"),
            ("a.safetensors", "torch"),
        ] {
            assert_eq!(plugin(&json!({ "model": model })), Ok(expected));
        }
        assert!(["ort", "onnx"].contains(&plugin(&json!({ "model": "a.onnx" })).unwrap()));
        let error = plugin(&json!({ "model": "a.h5" })).unwrap_err();
        assert!(error.contains("a.h5 ends neither in .onnx or .rten"), "{error}");
        assert!(plugin(&json!({})).unwrap_err().contains("has no model"));
    }
}
