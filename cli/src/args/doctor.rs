//! `drs doctor`.

const EXAMPLES: &str = "\
Examples:
  drs doctor
  drs doctor --json

Each line says ok, none or bad, what was looked at, and what was found; below it, how to mend it. \
none: it is not there, and drs works without it. bad: it is broken. Exit code 1 if anything is bad. \
Each plugin is loaded in a process of its own.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Write JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
