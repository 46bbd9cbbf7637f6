//! `drs expert install`, `update` and `lock`.

use std::path::PathBuf;
use std::str::FromStr;

use drs_packages::{Name, PublicKey, Wanted};

const INSTALL_EXAMPLES: &str = "\
Examples:
  drs expert install cifar10-1.0.0.drsx
  drs expert install https://example.org/cifar10-1.0.0.drsx --trust RWQ…
  drs expert install cifar10@1.0 --index https://example.org/drs
  drs expert install --locked pool/experts.toml
  drs route --pool cifar10 photo.png

SOURCE is a file (its path has a slash or ends in .drsx), an address that begins with https:, the folder of an \
index, or the name of a package in an index. Indexes may have names in the user's settings, \
~/.config/drs/config.toml: under [indexes], lab = \"https://example.org/drs\". A package is installed as a whole \
or not at all, for this user, and what it holds is never changed. The first key that is believed for a name is \
kept: packages of the name that are signed by another are refused.";

#[derive(Debug, clap::Args)]
#[command(after_help = INSTALL_EXAMPLES)]
pub(crate) struct InstallArgs {
    /// The package.
    #[arg(value_name = "SOURCE", required_unless_present = "locked", conflicts_with = "locked")]
    pub(crate) source: Option<Source>,

    /// Install the packages that drs.lock beside this experts.toml names.
    #[arg(long, value_name = "FILE")]
    pub(crate) locked: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) from: FromIndex,

    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  drs expert update\n  drs expert update cifar10 --index https://example.org/drs"
)]
pub(crate) struct UpdateArgs {
    /// Of these only this one.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<Name>,

    #[command(flatten)]
    pub(crate) from: FromIndex,

    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  drs expert lock pool/experts.toml\n  drs expert install --locked pool/experts.toml"
)]
pub(crate) struct LockArgs {
    /// The experts.toml; drs.lock is written beside it.
    #[arg(value_name = "FILE")]
    pub(crate) experts: PathBuf,

    /// Write nothing: exit code 1 if drs.lock is not as it would be written.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Which index.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FromIndex {
    /// The index: a folder, an address that begins with https:, or its name in the settings
    /// [default: for install those of the settings, for update where each package came from].
    #[arg(long, value_name = "INDEX")]
    pub(crate) index: Option<String>,

    /// Believe this key of the index, if none is believed for it yet.
    #[arg(long, value_name = "KEY")]
    pub(crate) trust_index: Option<PublicKey>,
}

/// What the user says yes to.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ConsentArgs {
    /// Believe this key of its publisher, if none is believed for its name yet.
    #[arg(long, value_name = "KEY")]
    pub(crate) trust: Option<PublicKey>,

    /// Install native code, which can do whatever you can.
    #[arg(long)]
    pub(crate) allow_native: bool,

    /// Install a package that nobody has signed.
    #[arg(long)]
    pub(crate) allow_unsigned: bool,

    /// Install a version that is older than one that is installed.
    #[arg(long)]
    pub(crate) allow_downgrade: bool,
}

/// How a package begins that pip has installed. Python puts its path in the place before this is read.
const PYPI: &str = "pypi:";

/// Where a package is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// A package, or the folder of an index.
    File(PathBuf),
    /// A package on a server.
    Address(String),
    /// In an index.
    Name(Wanted),
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("https://") {
            return Ok(Self::Address(text.to_owned()));
        }
        if let Some(name) = text.strip_prefix(PYPI) {
            return Err(format!(
                "this drs does not know what pip has installed: the drs of the Python package does, python -m drs_smoothing expert install {PYPI}{name}"
            ));
        }
        if text.contains("://") {
            return Err("expected an address that begins with https:, a path or a name".to_owned());
        }
        let is_path = text.contains(std::path::is_separator)
            || text.ends_with(".drsx")
            || text.starts_with('.');
        match is_path {
            true => Ok(Self::File(PathBuf::from(text))),
            false => text.parse().map(Self::Name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_told_by_its_form() {
        for path in ["a.drsx", "./a", "a/b", "/a/b.drsx", "."] {
            assert_eq!(path.parse(), Ok(Source::File(path.into())), "{path}");
        }
        let address = "https://example.org/a.drsx";
        assert_eq!(address.parse(), Ok(Source::Address(address.into())));
        assert_eq!("a@1.2".parse(), Ok(Source::Name("a@1.2".parse().unwrap())));
        for wrong in ["http://example.org/a.drsx", "ftp://a", "A", "a@one", ""] {
            assert!(wrong.parse::<Source>().is_err(), "{wrong}");
        }
    }
}
