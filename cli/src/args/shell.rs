//! `drs completions` and `drs man`.

use std::path::PathBuf;

use clap_complete::Shell;

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  drs completions bash > ~/.local/share/bash-completion/completions/drs
  drs completions zsh > ~/.zfunc/_drs
  drs completions fish > ~/.config/fish/completions/drs.fish
  drs completions powershell >> $PROFILE

Of zsh, the folder must be in fpath before compinit runs: fpath+=~/.zfunc";

#[derive(Debug, clap::Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// The shell that reads the script.
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

const MAN_EXAMPLES: &str = "\
Examples:
  drs man ~/.local/share/man/man1
  man drs-certify

The folder is made if it is not there. Pages of an earlier version are replaced.";

#[derive(Debug, clap::Args)]
#[command(after_help = MAN_EXAMPLES)]
pub(crate) struct ManArgs {
    /// Where the pages go, one for each command.
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}
