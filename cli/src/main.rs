#![forbid(unsafe_code)]
//! The `drs` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "onnx")]
    hold_onnx();
    ExitCode::from(drs_cli::run(std::env::args_os()))
}

/// `cargo install` brings the program alone, so it holds the plugin that most models need. A library beside it goes
/// first: there all plugins are of one kind.
#[cfg(feature = "onnx")]
fn hold_onnx() {
    const NAME: &str = "onnx";
    let Ok(program) = drs_router::Program::this() else { return };
    if !program.folder().join(drs_router::library_name(NAME)).is_file() {
        let module = drs_expert_onnx::module();
        drs_router::host_plugin(NAME, program.path().to_owned(), module);
    }
}
