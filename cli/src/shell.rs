//! `drs completions` and `drs man`: what a shell and `man` want to know of the command line.

use std::io::Write as _;

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use drs_progress::out;

use crate::args::{Args, CompletionsArgs, ManArgs};

/// The name of the program.
const NAME: &str = "drs";

pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut visible(&Args::command()), NAME, &mut script);
    // At once: where the reader has gone, it is no failure.
    Ok(std::io::stdout().lock().write_all(&script)?)
}

pub(crate) fn man(args: &ManArgs) -> anyhow::Result<()> {
    let folder = &args.folder;
    let failed = || format!("cannot write manual pages to {}", folder.display());
    std::fs::create_dir_all(folder).with_context(failed)?;
    clap_mangen::generate_to(visible(&Args::command()), folder).with_context(failed)?;
    out!(
        "{}: the pages; man {} shows the first",
        folder.display(),
        folder.join("drs.1").display()
    )?;
    Ok(())
}

/// The commands that people give. Those that drs gives itself are left out.
fn visible(command: &Command) -> Command {
    let copied = Command::new(command.get_name().to_owned())
        .args(command.get_arguments().filter(|arg| !arg.is_hide_set()).cloned())
        .subcommands(command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(visible))
        .disable_help_flag(command.is_disable_help_flag_set())
        .disable_help_subcommand(command.is_disable_help_subcommand_set());
    let copied = match command.get_version() {
        Some(version) => copied.version(version.to_owned()),
        None => copied,
    };
    let about = command.get_about().cloned().unwrap_or_default();
    let long = command.get_long_about().cloned();
    let after = command.get_after_help().cloned().unwrap_or_default();
    let copied = copied.about(about).after_help(after);
    match long {
        Some(long) => copied.long_about(long),
        None => copied,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of all commands, one below the other.
    fn names(command: &Command, found: &mut Vec<String>) {
        found.push(command.get_name().to_owned());
        command.get_subcommands().for_each(|sub| names(sub, found));
    }

    #[test]
    fn nothing_but_what_is_internal_is_left_out() {
        let (mut all, mut shown) = (Vec::new(), Vec::new());
        names(&Args::command(), &mut all);
        names(&visible(&Args::command()), &mut shown);
        let left_out: Vec<&String> = all.iter().filter(|name| !shown.contains(name)).collect();
        assert_eq!(left_out, if cfg!(unix) { vec!["child", "worker"] } else { vec!["child"] });
    }

    #[test]
    fn every_option_stays() {
        fn same(full: &Command, copy: &Command) {
            let ids = |command: &Command| -> Vec<String> {
                command.get_arguments().map(|arg| arg.get_id().to_string()).collect()
            };
            assert_eq!(ids(full), ids(copy), "{}", full.get_name());
            for sub in copy.get_subcommands() {
                same(full.find_subcommand(sub.get_name()).unwrap(), sub);
            }
        }
        same(&Args::command(), &visible(&Args::command()));
    }
}
