//! What reads a data set.

use drs_data::Labels;

/// How a data set is read.
#[derive(Debug, clap::Args)]
pub(crate) struct DataArgs {
    /// test or train, where the data has both; for IDX files any prefix.
    #[arg(long, value_name = "SPLIT", default_value = "test")]
    pub(crate) split: String,

    /// Labels instead of the data's own: a .csv or .tsv file with the columns image (or idx) and
    /// label, an .npy array, a text file with a class index on each line; or none.
    #[arg(long, value_name = "FILE|none")]
    pub(crate) labels: Option<Labels>,
}
