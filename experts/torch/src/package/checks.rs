//! That a package's code looks at its inputs before it reads them.
//!
//! AOTInductor generates these checks, but makes them only where a variable of the environment
//! says so. Without them an input of another shape is read beyond its end.

use drs_plugins_api::Error;

use crate::explain::model_error;

const VARIABLE: &str = "AOTI_RUNTIME_CHECK_INPUTS";

/// Lets the code of packages check its inputs. To be called where the plugin is loaded, before the
/// host has many threads.
pub(crate) fn check_inputs() {
    if std::env::var_os(VARIABLE).is_some_and(|value| value == "1") {
        return;
    }
    // Whatever it was: a wrong input must never be read.
    #[expect(unsafe_code, reason = "the code listens to nothing else")]
    // SAFETY: once in a process, where this plugin is first loaded: before any code of a package
    // runs, which is what reads the variable. Other threads that read the environment in C at this
    // very moment would have to be other plugins' that the host opened before.
    unsafe {
        std::env::set_var(VARIABLE, "1");
    }
}

/// Whether the code has the checks.
pub(super) fn check(code: &[u8]) -> Result<(), Error> {
    let name = VARIABLE.as_bytes();
    if code.windows(name.len()).any(|bytes| bytes == name) {
        return Ok(());
    }
    Err(model_error("its code does not check what it is given")
        .hint("compile it with PyTorch 2.11"))
}
