//! ONNX Runtime, loaded once for the process.

use std::sync::OnceLock;

use drs_ort_library::{VARIABLE, find};
use drs_plugins_api::{Error, ErrorKind};
use ort::environment::Environment;

/// Switches off what official builds of ONNX Runtime send to their maker. To be called where the
/// plugin is loaded: before the library is, and before the host has many threads.
pub(crate) fn quiet() {
    const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";
    if std::env::var_os(VARIABLE).is_none() {
        #[expect(unsafe_code, reason = "it listens to nothing else before its first message")]
        // SAFETY: `drs` loads plugins one by one, before it starts threads that read the environment.
        unsafe {
            std::env::set_var(VARIABLE, "1");
        }
    }
}

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
