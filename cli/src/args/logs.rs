//! Logs, and how tables of them are written.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

/// Certification logs.
#[derive(Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// Certification logs, with the names to show where the files' own do not do.
    #[arg(required = true, value_name = "[NAME=]LOG", value_parser = parse_log)]
    pub(crate) logs: Vec<LogArg>,

    /// Take only the inputs that all logs have.
    #[arg(long)]
    pub(crate) common: bool,
}

impl LogArgs {
    /// The files.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.logs.iter().map(|log| log.path.as_path())
    }
}

/// A log and the name asked for it.
#[derive(Debug, Clone)]
pub(crate) struct LogArg {
    pub(crate) name: Option<String>,
    pub(crate) path: PathBuf,
}

pub(super) fn parse_log(text: &str) -> Result<LogArg, &'static str> {
    let named = text.rsplit_once('=').filter(|_| !Path::new(text).exists());
    Ok(match named {
        Some((name, path)) if name.trim().is_empty() || path.is_empty() => {
            return Err("expected NAME=LOG, both of them, or LOG");
        }
        Some((name, path)) => LogArg { name: Some(name.to_owned()), path: path.into() },
        None => LogArg { name: None, path: text.into() },
    })
}

/// How tables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Markdown, readable as it is.
    Md,
    /// LaTeX, for the booktabs package.
    Latex,
    /// One row for each log (of `plan`: each pool) and radius.
    Csv,
    /// All numbers.
    Json,
}
