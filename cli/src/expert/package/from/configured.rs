//! The user's own settings: `drs/config.toml` in the folder for configuration (XDG).

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use drs_packages::PublicKey;
use etcetera::BaseStrategy as _;
use serde::Deserialize;

/// What the file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Configured {
    /// Indexes of packages, by names that the user gives them.
    #[serde(default)]
    pub(crate) indexes: BTreeMap<String, Place>,
}

/// Where an index is, and whose it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected an address or a folder, or { at = \"…\", key = \"RW…\" }")]
pub(crate) enum Place {
    At(String),
    Keyed(Keyed),
}

/// With the key that must have signed it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keyed {
    at: String,
    key: PublicKey,
}

impl Place {
    /// The address or the folder, and the key.
    pub(super) fn parts(&self) -> (&str, Option<&PublicKey>) {
        match self {
            Self::At(at) => (at, None),
            Self::Keyed(Keyed { at, key }) => (at, Some(key)),
        }
    }
}

impl Configured {
    /// Reads the user's, if there is one.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let path = Self::path()?;
        if !path.exists() {
            return Ok(Self::default());
        }
        let (text, _claim) =
            drs_memory::read_text(&path).with_context(|| path.display().to_string())?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }

    /// Where it is, or would be.
    pub(crate) fn path() -> anyhow::Result<PathBuf> {
        let dirs = etcetera::choose_base_strategy();
        let dirs = dirs.context("no home folder: set HOME")?;
        Ok(dirs.config_dir().join("drs/config.toml"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_a_place_with_or_without_a_key() {
        let (public, _) = drs_packages::generate(None).unwrap();
        let key = public.lines().last().unwrap();
        let text = format!(
            "[indexes]\na = \"https://example.org/drs\"\nb = {{ at = \"/srv/drs\", key = \"{key}\" }}\n"
        );
        let configured: Configured = toml::from_str(&text).unwrap();
        assert_eq!(configured.indexes["a"].parts(), ("https://example.org/drs", None));
        let (at, believed) = configured.indexes["b"].parts();
        assert_eq!((at, believed.unwrap().to_string().as_str()), ("/srv/drs", key));
        for wrong in
            ["[index]\n", "[indexes]\na = 3\n", "[indexes]\na = { at = \"x\", key = \"RW\" }\n"]
        {
            assert!(toml::from_str::<Configured>(wrong).is_err(), "{wrong}");
        }
    }
}
