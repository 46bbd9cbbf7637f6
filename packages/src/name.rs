//! What packages are called.

use std::fmt;
use std::str::FromStr;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::error::PackageError;

/// Length of a name, at the most.
const MOST: usize = 64;

/// The name of a package: lower-case letters, digits and single hyphens, beginning with a letter. No two
/// names look alike, and each is a file name everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// It as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_part = |part: &str| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            !part.is_empty() && part.bytes().all(plain)
        };
        let begins = text.starts_with(|first: char| first.is_ascii_lowercase());
        if begins && text.len() <= MOST && text.split('-').all(is_part) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "{text:?} found, expected a name: up to {MOST} lower-case letters, digits and single hyphens, a letter first"
        ))
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A package as users ask for it: `cifar10`, or `cifar10@1.2`, which means 1.2 or a later version that is
/// compatible, as cargo has it; `cifar10@=1.2.0` means that version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: Name,
    /// Its versions.
    pub versions: VersionReq,
}

impl Wanted {
    /// A version of a name and no other.
    pub(crate) fn exactly(name: &Name, version: &Version) -> Result<Self, PackageError> {
        let versions = format!("={version}").parse().map_err(|error: semver::Error| {
            PackageError::Refused(format!("{name} {version}: {error}"))
        })?;
        Ok(Self { name: name.clone(), versions })
    }

    /// Whether a version will do. One that comes before a release does only where it is asked for.
    #[must_use]
    pub fn takes(&self, version: &Version) -> bool {
        self.versions.matches(version)
    }
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, versions) = text.split_once('@').unwrap_or((text, "*"));
        let versions = versions.parse().map_err(|error| {
            format!("{versions:?} found, expected a version such as 1.2 or =1.2.0: {error}")
        })?;
        Ok(Self { name: name.parse()?, versions })
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.versions == VersionReq::STAR {
            true => self.name.fmt(f),
            false => write!(f, "{}@{}", self.name, self.versions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_look_like_no_other() {
        for good in ["a", "cifar10", "fashion-mnist", "a-1"] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        for bad in
            ["", "A", "1a", "-a", "a-", "a--b", "a_b", "a.b", "a/b", "..", "ä", "a b", "con:"]
        {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
        assert!("a".repeat(64).parse::<Name>().is_ok() && "a".repeat(65).parse::<Name>().is_err());
    }

    #[test]
    fn versions_are_asked_for_as_cargo_does() {
        let takes = |wanted: &str, version: &str| {
            wanted.parse::<Wanted>().unwrap().takes(&version.parse().unwrap())
        };
        assert!(takes("a", "0.1.0") && takes("a@1.2", "1.3.0") && takes("a@=1.2.0", "1.2.0"));
        assert!(!takes("a@1.2", "2.0.0") && !takes("a@=1.2.0", "1.2.1"));
        assert!(!takes("a", "1.0.0-beta.1") && takes("a@=1.0.0-beta.1", "1.0.0-beta.1"));
        assert!("a@one".parse::<Wanted>().is_err() && "a@".parse::<Wanted>().is_err());
        assert_eq!("a@1.2".parse::<Wanted>().unwrap().to_string(), "a@^1.2");
    }
}
