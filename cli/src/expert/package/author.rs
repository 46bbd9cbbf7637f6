//! What whoever makes a package says of it: a `drs.toml` beside what is packed, and options over it.

use std::path::Path;

use anyhow::{Context as _, bail};
use drs_packages::{Manifest, Name};
use serde::Deserialize;

use crate::args::PackArgs;

/// The file beside experts.toml or Cargo.toml.
pub(super) const FILE: &str = "drs.toml";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Author {
    name: Option<String>,
    version: Option<String>,
    license: Option<String>,
    #[serde(default)]
    authors: Vec<String>,
    #[serde(default)]
    description: String,
}

/// What the package table of a Cargo.toml says of the same.
#[derive(Deserialize)]
struct Cargo {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Option<toml::Value>,
    license: Option<toml::Value>,
    authors: Option<toml::Value>,
    description: Option<toml::Value>,
}

impl Author {
    /// Reads the file in a folder, if it is there.
    pub(super) fn beside(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(Self::default());
        }
        let (text, _claim) =
            drs_memory::read_text(&path).with_context(|| path.display().to_string())?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }

    /// What a crate says: its name without `drs-expert-`, and what it does not inherit.
    pub(super) fn of_crate(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("Cargo.toml");
        let (text, _claim) =
            drs_memory::read_text(&path).with_context(|| path.display().to_string())?;
        let Cargo { package } =
            toml::from_str(&text).with_context(|| path.display().to_string())?;
        let text =
            |value: Option<toml::Value>| value.and_then(|value| value.as_str().map(str::to_owned));
        let authors = package.authors.and_then(|authors| authors.try_into().ok());
        let name = package.name.strip_prefix("drs-expert-").unwrap_or(&package.name).to_owned();
        let own = Self::beside(folder)?;
        Ok(Self {
            name: own.name.or(Some(name)),
            version: own.version.or(text(package.version)),
            license: own.license.or(text(package.license)),
            authors: if own.authors.is_empty() { authors.unwrap_or_default() } else { own.authors },
            description: match own.description.is_empty() {
                true => text(package.description).unwrap_or_default(),
                false => own.description,
            },
        })
    }

    /// A manifest that says this; options come first.
    pub(super) fn manifest(self, args: &PackArgs) -> anyhow::Result<Manifest> {
        let missing = |what: &str| {
            format!(
                "no {what}: give --{what}, or write {what} = \"…\" into {FILE} beside what is packed"
            )
        };
        let name = args.name.clone().or(self.name).with_context(|| missing("name"))?;
        let name: Name = match name.parse() {
            Ok(name) => name,
            Err(problem) => bail!("name: {problem}"),
        };
        let version = args.version.clone().or(self.version).with_context(|| missing("version"))?;
        let version = version
            .parse()
            .with_context(|| format!("version: {version:?} found, expected one such as 1.0.0"))?;
        let license = args.license.clone().or(self.license).with_context(|| missing("license"))?;
        let mut manifest = Manifest::new(name, version, license);
        manifest.authors = self.authors;
        manifest.description = args.description.clone().unwrap_or(self.description);
        Ok(manifest)
    }
}
