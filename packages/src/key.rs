//! Signatures, in minisign's format.

use std::fmt;
use std::str::FromStr;

use minisign_verify::Signature;
use serde::{Deserialize, Serialize};

/// A public key, as minisign writes it: 56 characters that begin with `RW`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(String);

impl PublicKey {
    /// Whether this key made a signature over a file; `signed` has the names of the signature's file and of
    /// that one.
    ///
    /// # Errors
    /// If it did not.
    pub(crate) fn check(
        &self,
        signature: &str,
        text: &[u8],
        signed: [&str; 2],
    ) -> Result<(), String> {
        let [name, of] = signed;
        let wrong = |problem: minisign_verify::Error| format!("{name}: {problem}");
        let key = minisign_verify::PublicKey::from_base64(&self.0).map_err(wrong)?;
        let signature = Signature::decode(signature).map_err(wrong)?;
        // Signatures of the old form, over the text itself, are not taken: one form is enough.
        key.verify(text, &signature, false).map_err(|problem| {
            format!("{name}: not a signature of {of} by the key {self}: {problem}")
        })
    }
}

/// What a signature says of the key that made it, where `drs expert sign` did: in its trusted comment, which
/// it covers. Whoever holds the key wrote it, so it proves no more than that: believe it on first use
/// only if you know where the package comes from.
pub(crate) fn signer(signature: &str) -> Option<PublicKey> {
    let signature = Signature::decode(signature).ok()?;
    let key =
        signature.trusted_comment().split_whitespace().find_map(|word| word.strip_prefix(KEY));
    key.and_then(|key| key.parse().ok())
}

/// What stands before the key in a trusted comment.
const KEY: &str = "key:";

/// The trusted comment of a signature by this key.
pub(crate) fn comment(key: &PublicKey, what: &str) -> String {
    format!("{what} {KEY}{key}")
}

impl FromStr for PublicKey {
    type Err = String;

    /// From the key alone, or from a file of minisign, whose first line is a comment.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let key = lines.find(|line| !line.starts_with("untrusted comment:")).unwrap_or_default();
        match minisign_verify::PublicKey::from_base64(key) {
            Ok(_) if lines.next().is_none() => Ok(Self(key.to_owned())),
            _ => Err(format!(
                "{key:?} found, expected a public key of minisign: 56 characters that begin with RW"
            )),
        }
    }
}

impl TryFrom<String> for PublicKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
