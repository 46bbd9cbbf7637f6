//! `drs expert pack`, `keygen`, `sign`, `wheel`, `index`, `info`, `verify`, `remove` and `forget`.

use std::path::PathBuf;

use drs_packages::{Name, Wanted};

use super::logs::{LogArg, parse_log};

const PACK_EXAMPLES: &str = "\
Examples:
  drs expert pack pool/experts.toml --name cifar10 --version 1.0.0 --license MIT
  drs expert pack pool/experts.toml --certificates cifar10-test=run.jsonl
  drs expert pack drs-expert-mine
  drs expert pack mine-x86_64.drsx --merge mine-aarch64.drsx --out mine-1.0.0.drsx

PATH is an experts.toml, the folder of a crate (it is built with cargo) or a library. The rules of drs \
expert check are tried first. Name, version, licence, authors and description come from options, else \
from drs.toml beside PATH, else from Cargo.toml. Files called README, LICENSE, COPYING or NOTICE go \
along. The same files give the same bytes.";

#[derive(Debug, clap::Args)]
#[command(after_help = PACK_EXAMPLES)]
pub(crate) struct PackArgs {
    /// What is packed.
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,

    /// The package [default: NAME-VERSION.drsx].
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// What it is called: lower-case letters, digits, hyphens.
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Its version, such as 1.0.0.
    #[arg(long)]
    pub(crate) version: Option<String>,

    /// The terms of its use, as SPDX has them: MIT.
    #[arg(long, value_name = "SPDX")]
    pub(crate) license: Option<String>,

    /// A sentence about it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,

    /// What its native code must find on a machine, with the version: "libtorch 2.11".
    #[arg(long, value_name = "TEXT")]
    pub(crate) needs: Vec<String>,

    /// Put the native code of these packages, made on other machines, into one with that of PATH.
    #[arg(long, value_name = "PACKAGE", num_args = 1..)]
    pub(crate) merge: Vec<PathBuf>,

    /// Certificates that drs certify made with the pool, and what their data are called: the package then tells
    /// certified accuracy. Each is checked.
    #[arg(long, value_name = "[DATA=]CERTIFICATES", value_parser = parse_log, conflicts_with = "merge")]
    pub(crate) certificates: Vec<LogArg>,

    /// Do not try the rules of drs expert check.
    #[arg(long)]
    pub(crate) no_check: bool,
}

const KEYGEN_EXAMPLES: &str = "\
Examples:
  drs expert keygen --out publisher.key

The keys are those of minisign. publisher.key is secret and has a password, asked for or taken from the \
variable DRS_KEY_PASSWORD; publisher.pub is for everybody. Whoever has the secret key can publish new \
versions of your packages, and without it you cannot.";

#[derive(Debug, clap::Args)]
#[command(after_help = KEYGEN_EXAMPLES)]
pub(crate) struct KeygenArgs {
    /// The secret key; the public one gets the ending .pub.
    #[arg(long, value_name = "FILE", default_value = "drs.key")]
    pub(crate) out: PathBuf,

    /// Give the secret key no password: for machines that sign by themselves.
    #[arg(long)]
    pub(crate) no_password: bool,
}

const SIGN_EXAMPLES: &str = "\
Examples:
  drs expert sign --key publisher.key mine-1.0.0.drsx
  drs expert sign --key publisher.key SHA256SUMS

A package (.drsx) gets its signature inside. Any other file gets one beside it, SHA256SUMS.minisig, which \
minisign -V checks.";

#[derive(Debug, clap::Args)]
#[command(after_help = SIGN_EXAMPLES)]
pub(crate) struct SignArgs {
    /// Packages, and other files.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// The secret key.
    #[arg(long, value_name = "FILE", default_value = "drs.key")]
    pub(crate) key: PathBuf,
}

const WHEEL_EXAMPLES: &str = "\
Examples:
  drs expert wheel cifar10-1.0.0.drsx
  pip wheel drs-pool-cifar10 --no-deps --wheel-dir dist

The folder holds pyproject.toml, README.md and the package, and builds with pip wheel or python -m build. Sign \
the package before. Whoever has installed the wheel with pip finds the package by drs_smoothing.packages.found(). \
The wheel of a plugin is called drs-expert-NAME.";

#[derive(Debug, clap::Args)]
#[command(after_help = WHEEL_EXAMPLES)]
pub(crate) struct WheelArgs {
    /// The package.
    #[arg(value_name = "PACKAGE")]
    pub(crate) package: PathBuf,

    /// Folder to make [default: drs-pool-NAME].
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

const INDEX_EXAMPLES: &str = "\
Examples:
  drs expert index public --name lab --key publisher.key cifar10-1.0.0.drsx
  drs expert index public --key publisher.key
  drs expert install cifar10 --index public
  drs expert install cifar10 --index https://example.org/drs

FOLDER is a static folder: any server of files can have it, and any copy of it is the same index. It is made \
anew, with the next serial, when its packages change. FOLDER/packages has them, each signed; what is taken \
out of there is no longer in the index. With --days it must be made anew in time, so that nobody can keep \
showing an old one.";

#[derive(Debug, clap::Args)]
#[command(after_help = INDEX_EXAMPLES)]
pub(crate) struct IndexArgs {
    /// The index.
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,

    /// Packages to copy into it first.
    #[arg(value_name = "PACKAGE")]
    pub(crate) packages: Vec<PathBuf>,

    /// The secret key to sign it with.
    #[arg(long, value_name = "FILE", default_value = "drs.key")]
    pub(crate) key: PathBuf,

    /// What it is called; needed for the first time.
    #[arg(long)]
    pub(crate) name: Option<Name>,

    /// After so many days it is refused, unless it was made anew.
    #[arg(long, value_name = "DAYS")]
    pub(crate) days: Option<u64>,

    /// Write JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InfoArgs {
    /// Its name, with a version where several are installed: cifar10, cifar10@1.0.
    #[arg(value_name = "NAME[@VERSION]")]
    pub(crate) package: Wanted,

    /// Write JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyInstalledArgs {
    /// Of these only this one.
    #[arg(value_name = "NAME[@VERSION]")]
    pub(crate) package: Option<Wanted>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// Its name; with a version only the versions that fit: cifar10@=1.0.0.
    #[arg(value_name = "NAME[@VERSION]")]
    pub(crate) package: Wanted,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ForgetArgs {
    /// The name of the packages.
    #[arg(value_name = "NAME", required_unless_present = "index", conflicts_with = "index")]
    pub(crate) name: Option<Name>,

    /// An index instead: its address or folder.
    #[arg(long, value_name = "PLACE")]
    pub(crate) index: Option<String>,
}
