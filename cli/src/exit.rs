//! Exit codes of the program.

pub(crate) const SUCCESS: u8 = 0;
pub(crate) const FAILURE: u8 = 1;
/// As clap has it.
pub(crate) const WRONG_USAGE: u8 = 2;
/// All inputs have a result but for some that failed.
pub(crate) const INCOMPLETE: u8 = 3;
