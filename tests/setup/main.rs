//! What somebody does first: `drs doctor`, `init`, `completions`, `man`, `--version --verbose`; the schema of experts.toml.
#![cfg(unix)]

mod doctor;
mod init;
mod schema;
mod shell;
