//! ONNX Runtime, loaded once for the process.

use std::sync::OnceLock;

use drs_ort_library::{VARIABLE, find};
use drs_plugins_api::{Error, ErrorKind};
use ort::environment::Environment;

/// What every session is made in. Loads the library on first use.
pub(crate) fn environment() -> Result<&'static Environment, Error> {
    static LOADED: OnceLock<Result<Environment, String>> = OnceLock::new();
    let loaded = LOADED.get_or_init(|| {
        let path = find()?;
        let failed = |error: String| format!("{}: {error}", path.display());
        let environment = ort::init_from(&path).map_err(|error| failed(error.to_string()))?;
        let environment = environment.with_name("drs").with_telemetry(false);
        environment.build().map_err(|error| failed(error.to_string()))
    });
    loaded.as_ref().map_err(|problem| {
        let message = format!("ONNX Runtime cannot be loaded: {problem}");
        let hint = format!(
            "pip install onnxruntime (1.17 or newer) into the active Python environment, or set {VARIABLE} to its library, or use plugin = \"onnx\""
        );
        Error::new(ErrorKind::Other, message).hint(hint)
    })
}
