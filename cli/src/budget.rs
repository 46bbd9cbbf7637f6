//! The budget of memory, known to this process and to all that it starts or loads.

use std::ffi::OsString;

use drs_memory::{Bytes, VARIABLE, set_budget};
use drs_router::Program;

use crate::usage::Usage;

/// Takes the budget that was asked for; `args` are those of the program.
///
/// Plugins hold a copy of `drs_memory` each, and read the variable: so it is set before anything
/// is loaded, by starting this program once more in its own place.
pub(crate) fn take(asked: Option<Bytes>, args: &[OsString]) -> anyhow::Result<()> {
    let told = std::env::var(VARIABLE).ok();
    let Some(Bytes(bytes)) = asked else {
        let parsed = told.map(|text| text.parse::<Bytes>()).transpose();
        parsed.map_err(|problem| Usage::new(format!("{VARIABLE}: {problem}")))?;
        return Ok(());
    };
    let value = bytes.to_string();
    #[cfg(unix)]
    if told.as_ref() != Some(&value) {
        use std::os::unix::process::CommandExt as _;

        let mut again = Program::this()?.command();
        return Err(again.args(args).env(VARIABLE, value).exec().into());
    }
    set_budget(bytes);
    Ok(())
}
