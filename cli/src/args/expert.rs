//! `drs expert`.

use std::path::PathBuf;

use clap::Subcommand;
use drs_core::lattice::Shape;

use super::install::{InstallArgs, LockArgs, UpdateArgs};
use super::package::{
    ForgetArgs, IndexArgs, InfoArgs, KeygenArgs, PackArgs, RemoveArgs, SignArgs,
    VerifyInstalledArgs, WheelArgs,
};

#[derive(Debug, clap::Args)]
pub(crate) struct ExpertArgs {
    #[command(subcommand)]
    pub(crate) command: ExpertCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExpertCommand {
    /// What a plugin says of itself, and of a model.
    Inspect(InspectArgs),
    /// Try the rules that every expert must keep on a plugin.
    Check(Box<CheckArgs>),
    /// Where plugins are looked for, which are there, and which packages are installed.
    List(ListArgs),
    /// Write the digests of plugins and model files into experts.toml.
    Pin(PinArgs),
    /// Make a crate for an expert of your own.
    New(NewArgs),
    /// Make a package of a pool, a crate or a library.
    Pack(PackArgs),
    /// Make a key to sign packages with.
    Keygen(KeygenArgs),
    /// Sign packages.
    Sign(SignArgs),
    /// Make a distribution of Python that carries a package, for PyPI.
    Wheel(WheelArgs),
    /// Install a package.
    Install(InstallArgs),
    /// Install newer versions of packages that came from an index.
    Update(UpdateArgs),
    /// Write down which packages an experts.toml means, by all of their bytes (drs.lock).
    Lock(LockArgs),
    /// Make an index: a folder that others install packages from.
    Index(IndexArgs),
    /// What is known of a package that is installed.
    Info(InfoArgs),
    /// Whether packages are as they were installed.
    Verify(VerifyInstalledArgs),
    /// Remove a package.
    Remove(RemoveArgs),
    /// Believe nobody for a name any more: the next package of the name may be signed by another key.
    Forget(ForgetArgs),
    /// Load a library for the process that started this one.
    #[command(hide = true)]
    Child(ChildArgs),
}

/// A plugin and, where it matters, what to open it with.
#[derive(Debug, clap::Args)]
pub(crate) struct SubjectArgs {
    /// Name of a plugin, or path of its library. A name is not looked for in the working directory.
    #[arg(value_name = "PLUGIN", required_unless_present = "experts")]
    pub(crate) plugin: Option<String>,

    /// Its configuration, as the table of experts.toml: 'model = "s025.onnx"', or {"model": "s025.onnx"}.
    #[arg(long, value_name = "TOML|JSON", requires = "plugin")]
    pub(crate) config: Option<String>,

    /// Shape of its inputs.
    #[arg(long, value_name = "C,H,W", value_parser = super::parse::parse_shape, requires = "plugin")]
    pub(crate) shape: Option<Shape>,

    /// Take plugins and configurations from an experts.toml.
    #[arg(long, value_name = "FILE", conflicts_with = "plugin")]
    pub(crate) experts: Option<PathBuf>,

    /// Of these only the expert of this name, or "router".
    #[arg(long, value_name = "NAME", requires = "experts")]
    pub(crate) name: Option<String>,

    /// Seconds that the plugin may take for an answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0, value_parser = super::parse::parse_seconds)]
    pub(crate) timeout: f64,

    /// Write JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

const INSPECT_EXAMPLES: &str = "\
Examples:
  drs expert inspect onnx
  drs expert inspect ./libdrs_expert_mine.so --config 'model = \"m.bin\"' --shape 3,32,32
  drs expert inspect --experts experts.toml --json

The library is loaded in a process of its own: a plugin that crashes there crashes nothing else.";

#[derive(Debug, clap::Args)]
#[command(after_help = INSPECT_EXAMPLES)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) subject: SubjectArgs,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  drs expert check ./libdrs_expert_mine.so --config 'model = \"m.bin\"' --shape 3,32,32
  drs expert check --experts experts.toml --name s025 --json
  drs expert check --experts experts.toml --data DIR --labels val.txt
  drs expert check mine --config '{}' --shape 1,28,28 --ties 'model = \"zeros.bin\"' \\
      --non-finite 'model = \"nan.bin\"'

The rules are those of the crate drs-conformance; each is tried in a process of its own. Exit \
code 1 if one is broken. Passing is evidence and no proof.

--data tells whether experts are run as they were trained: how often each is right on noisy \
copies of labelled inputs, beside guessing, and its most frequent answer. An expert that is no \
better than guessing, or has one answer for nearly all, gets a warning with the usual causes.";

#[derive(Debug, clap::Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) subject: SubjectArgs,

    /// Configuration of a model whose outputs are all equal: the lowest class must get the votes.
    #[arg(long, value_name = "TOML|JSON", requires = "plugin")]
    pub(crate) ties: Option<String>,

    /// Configuration of a model that answers with NaN: an error must come of it.
    #[arg(long, value_name = "TOML|JSON", requires = "plugin")]
    pub(crate) non_finite: Option<String>,

    /// Share of votes that may differ between batch sizes, where floats are summed in another order.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = super::parse::parse_share)]
    pub(crate) tolerance: f64,

    /// Noisy inputs to try.
    #[arg(long, default_value_t = 256, value_parser = super::parse::parse_positive)]
    pub(crate) rows: usize,

    /// Labelled inputs, of any kind that `drs certify --data` takes: measure how often each expert
    /// is right.
    #[arg(long, value_name = "DIR", requires = "experts")]
    pub(crate) data: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) reading: super::DataArgs,

    /// So many of the inputs of --data, spread over all of them.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = super::parse::parse_positive)]
    pub(crate) inputs: usize,

    /// Noisy copies of each.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) copies: u64,
}

const LIST_EXAMPLES: &str = "\
Examples:
  drs expert list
  drs expert list --experts pool/experts.toml

onnx, torch and halfspace always mean the libraries beside drs; a library of such a name \
elsewhere is used only where its path is given. Libraries beside experts.toml or in the \
working directory are told, but not loaded: loading a library runs it.";

#[derive(Debug, clap::Args)]
#[command(after_help = LIST_EXAMPLES)]
pub(crate) struct ListArgs {
    /// Look as for this experts.toml: its folder comes first.
    #[arg(long, value_name = "FILE")]
    pub(crate) experts: Option<PathBuf>,

    /// Write JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

const PIN_EXAMPLES: &str = "\
Examples:
  drs expert pin experts.toml
  drs expert pin experts.toml --check

Beside each plugin goes sha256 = \"…\", and files = { \"model.onnx\" = \"…\" }, with all files \
that the model is made of; comments and layout stay. Models with pins are opened only if their \
files are those. --check compares digests and loads no plugin.";

#[derive(Debug, clap::Args)]
#[command(after_help = PIN_EXAMPLES)]
pub(crate) struct PinArgs {
    /// The pool: experts.toml.
    #[arg(value_name = "FILE")]
    pub(crate) experts: PathBuf,

    /// Change nothing; exit code 1 if a pin is missing or wrong.
    #[arg(long)]
    pub(crate) check: bool,
}

const NEW_EXAMPLES: &str = "\
Examples:
  drs expert new mine
  drs expert new mine --path plugins/mine --api ../drs/plugins-api

The crate votes with a small linear model, has tests, ci.sh, which also runs drs expert check, and publish.sh, \
which packs, signs and makes an index. It builds at once: it has a copy of the plugin interface.";

#[derive(Debug, clap::Args)]
#[command(after_help = NEW_EXAMPLES)]
pub(crate) struct NewArgs {
    /// What experts.toml will call the plugin.
    #[arg(value_name = "NAME", value_parser = parse_name)]
    pub(crate) name: String,

    /// Folder to make, drs-expert-NAME by default.
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,

    /// Build against the drs-plugins-api in this folder, not against a copy of the released one.
    #[arg(long, value_name = "DIR")]
    pub(crate) api: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ChildArgs {
    /// What to do, as JSON.
    pub(crate) request: PathBuf,
    /// Where the answers go.
    pub(crate) answers: PathBuf,
}

/// A name that is one of a library, a package and a plugin.
fn parse_name(text: &str) -> Result<String, String> {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let words = text.split('_').all(|word| !word.is_empty() && word.chars().all(letter));
    let fits = words && text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_lowercase());
    fits.then(|| text.to_owned()).ok_or_else(|| {
        "expected a lowercase letter, then letters and digits, words joined by _, at most 64"
            .to_owned()
    })
}
