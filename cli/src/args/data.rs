//! What reads a data set.

use drs_data::Labels;

/// How a data set is read.
#[derive(Debug, clap::Args)]
pub(crate) struct DataArgs {
    /// test, train, val or another part, where the data has parts; for IDX files any prefix.
    #[arg(long, value_name = "SPLIT", default_value = "test")]
    pub(crate) split: String,

    /// Labels instead of the data's own: a .csv or .tsv file with the columns image (or idx) and
    /// label, an .npy array, a text file with a class index on each line; or none.
    #[arg(long, value_name = "FILE|none")]
    pub(crate) labels: Option<Labels>,

    /// Which corruption of CIFAR-10-C's folder, for example fog.
    #[arg(long, value_name = "NAME")]
    pub(crate) corruption: Option<String>,

    /// Which severity of CIFAR-10-C's arrays, 1 to 5: indices count from 0 within it. All of them
    /// without it.
    #[arg(long, value_name = "1..5")]
    pub(crate) severity: Option<usize>,

    /// Which configuration of a folder of the Hugging Face hub, where it has several.
    #[arg(long, value_name = "NAME")]
    pub(crate) configuration: Option<String>,
}
