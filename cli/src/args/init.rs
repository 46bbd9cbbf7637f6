//! `drs init`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use drs_core::lattice::{Quantum, Shape};

use super::parse::{parse_shape, parse_sigma};

const EXAMPLES: &str = "\
Examples:
  drs init s025.onnx s050.onnx s100.onnx --router router.onnx
  drs init near=a/model.onnx far=b/model.onnx --sigma near=0.25,far=0.5 --classes labels.txt
  drs init resnet.pth --sigma 0.25 --classes 10 --shape 3,32,32
  drs init --print-schema > experts.schema.json

The ending of a model's file decides which plugin runs it. Each model is opened, and what is written \
is opened as a pool before it is written. What no file tells (sigma, classes, shape) is asked at the \
terminal; without a terminal it is an error that names the option. Experts come in the order of sigma, \
with a router in the order of its classes, which must be their names.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InitArgs {
    /// The experts' model files. An expert is called as its file (s025.onnx is s025), or as you say.
    #[arg(value_name = "[NAME=]MODEL", required_unless_present = "print_schema")]
    pub(crate) models: Vec<Named>,

    /// The pool that is written.
    #[arg(long, value_name = "FILE", default_value = "experts.toml")]
    pub(crate) out: PathBuf,

    /// The router's model file.
    #[arg(long, value_name = "MODEL")]
    pub(crate) router: Option<PathBuf>,

    /// Noise level that a model was trained for, where its file does not tell: of the expert of this
    /// name (or router), or of all models. Several have commas between them.
    #[arg(long, value_name = "[NAME=]SIGMA", value_delimiter = ',')]
    pub(crate) sigma: Vec<Sigma>,

    /// Classes of the experts in their order, where the files do not tell: names with commas between
    /// them, a file with a name on each line, or their number.
    #[arg(long, value_name = "NAMES|FILE|NUMBER")]
    pub(crate) classes: Option<String>,

    /// The experts' names in the order of the router's outputs, where its file does not tell.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "router")]
    pub(crate) router_classes: Vec<String>,

    /// Shape of the inputs, where the files do not tell.
    #[arg(long, value_name = "C,H,W", value_parser = parse_shape)]
    pub(crate) shape: Option<Shape>,

    /// Step between two values of an input: 1/255 for 8-bit pixels.
    #[arg(long, value_name = "1/N", default_value = "1/255")]
    pub(crate) quantum: Quantum,

    /// Write over a file that is there.
    #[arg(long)]
    pub(crate) force: bool,

    /// Print the JSON Schema of experts.toml, for editors, and do nothing else.
    #[arg(long, exclusive = true)]
    pub(crate) print_schema: bool,
}

/// A model file, and what its expert is to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// `None`: as the file.
    pub(crate) name: Option<String>,
    pub(crate) path: PathBuf,
}

impl FromStr for Named {
    type Err = std::convert::Infallible;

    /// A file that is there is that file, whatever its name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once('=') {
            Some((name, path)) if !Path::new(text).exists() => {
                Self { name: Some(name.to_owned()), path: path.into() }
            }
            _ => Self { name: None, path: text.into() },
        })
    }
}

/// A noise level, and whose it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sigma {
    /// `None`: of all models.
    pub(crate) of: Option<String>,
    pub(crate) sigma: f64,
}

impl FromStr for Sigma {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (of, number) = match text.split_once('=') {
            Some((name, number)) => (Some(name.to_owned()), number),
            None => (None, text),
        };
        Ok(Self { of, sigma: parse_sigma(number)? })
    }
}
