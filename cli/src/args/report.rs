//! `drs report`.

use std::path::PathBuf;

use super::{DataArgs, LogArgs};

const REPORT_EXAMPLES: &str = "\
Examples:
  drs report maxmin.jsonl s025.tsv --out report.html
  drs report maxmin.jsonl --data cifar10/test --experts experts.toml --out report.html

The file holds everything it needs and opens without a network. Its gallery shows the inputs \
of the first log; their pictures come from --data, whose inputs experts.toml describes.";

#[derive(Debug, clap::Args)]
#[command(after_help = REPORT_EXAMPLES)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) logs: LogArgs,

    /// File to write: .html.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,

    /// Heading.
    #[arg(long, default_value = "Certified predictions")]
    pub(crate) title: String,

    /// The data set that the logs are of: for pictures.
    #[arg(long, value_name = "PATH", requires = "experts")]
    pub(crate) data: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) reading: DataArgs,

    /// The pool: for the shape of the inputs; its models are opened only where the data set has class
    /// names that are to be found among theirs.
    #[arg(long, value_name = "FILE", requires = "data")]
    pub(crate) experts: Option<PathBuf>,
}
