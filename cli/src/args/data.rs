//! What reads a data set.

use std::path::Path;

use drs_data::{Classes, Labels};

use super::parse::parse_severity;

/// How a data set is read.
#[derive(Debug, clap::Args)]
pub(crate) struct DataArgs {
    /// test, train, val or another part, where the data has parts; for IDX files any prefix.
    #[arg(long, value_name = "SPLIT", default_value = "test")]
    pub(crate) split: String,

    /// Labels instead of the data's own, class indices or names: a .csv or .tsv file with the
    /// columns image (or idx) and label; a text file with an image and its label, or a label
    /// alone, on each line; an .npy array; or none.
    #[arg(long, value_name = "FILE|none")]
    pub(crate) labels: Option<Labels>,

    /// Which corruption of CIFAR-10-C's folder, for example fog.
    #[arg(long, value_name = "NAME")]
    pub(crate) corruption: Option<String>,

    /// Which severity of CIFAR-10-C's arrays, 1 to 5: indices count from 0 within it. All of them
    /// without it.
    #[arg(long, value_name = "1..5", value_parser = parse_severity)]
    pub(crate) severity: Option<usize>,

    /// Which configuration of a folder of the Hugging Face hub, where it has several.
    #[arg(long, value_name = "NAME")]
    pub(crate) configuration: Option<String>,

    /// The first class, where labels are numbers: 1 if they count from 1.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) labels_from: usize,

    /// How class names of the data (folders, lists, label files) become the experts' classes.
    /// By name, in any order, unless you say by-place: sorted, the first is the experts' first,
    /// as torchvision counts folders. NAME,NAME,... or a FILE with a name on each line: what
    /// the experts' classes are called, in their order, where the models do not tell.
    #[arg(
        long,
        value_name = "by-place|NAMES|FILE",
        default_value = "by-name",
        hide_default_value = true
    )]
    pub(crate) classes: Classes,
}

impl DataArgs {
    /// Files that are read beside the data.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let labels = match &self.labels {
            Some(Labels::File(path)) => Some(path.as_path()),
            _ => None,
        };
        let classes = match &self.classes {
            Classes::File(path) => Some(path.as_path()),
            _ => None,
        };
        labels.into_iter().chain(classes)
    }
}
