//! Keys that sign, and signing.

use std::io::Cursor;
use std::path::Path;

use minisign::{KeyPair, SecretKey, SecretKeyBox};

use crate::archive::Package;
use crate::digests::SIGNATURE;
use crate::error::PackageError;
use crate::key::{PublicKey, comment};
use crate::whole;

/// A new pair of keys as the files of minisign that hold them: the public one, the secret one. With a password
/// the secret one is encrypted.
///
/// # Errors
/// If the system gives no entropy.
pub fn generate(password: Option<String>) -> Result<(String, String), String> {
    let pair = match &password {
        Some(password) => KeyPair::generate_encrypted_keypair(Some(password.clone())),
        None => KeyPair::generate_unencrypted_keypair(),
    };
    let KeyPair { pk, sk } = pair.map_err(|error| error.to_string())?;
    let public = pk.to_box().map_err(|error| error.to_string())?;
    let secret = sk.to_box(None).map_err(|error| error.to_string())?;
    Ok((public.to_string(), secret.to_string()))
}

/// A secret key.
pub struct Signer {
    secret: SecretKey,
    /// The public key that belongs to it.
    pub key: PublicKey,
}

impl Signer {
    /// Reads a secret key's file; `password` is asked for if it is encrypted.
    ///
    /// # Errors
    /// If it is none, or the password is wrong.
    pub fn read(
        text: &str,
        password: impl FnOnce() -> Result<String, String>,
    ) -> Result<Self, String> {
        let told = |error: minisign::PError| error.to_string();
        let boxed = || SecretKeyBox::from_string(text).map_err(told);
        let secret = match boxed()?.into_unencrypted_secret_key() {
            Ok(secret) => secret,
            Err(_) => boxed()?.into_secret_key(Some(password()?)).map_err(told)?,
        };
        let public = minisign::PublicKey::from_secret_key(&secret).map_err(told)?;
        Ok(Self { secret, key: public.to_base64().parse()? })
    }

    /// Signs a text; `what` is told beside the signature, and covered by it.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn sign(&self, text: &[u8], what: &str) -> Result<String, String> {
        let comment = comment(&self.key, what);
        let signed = minisign::sign(
            None,
            &self.secret,
            Cursor::new(text),
            Some(&comment),
            Some(&format!("signature of {what}")),
        );
        signed.map(|signed| signed.to_string()).map_err(|error| error.to_string())
    }

    /// Signs a package, which is replaced as a whole.
    ///
    /// # Errors
    /// If it is none, is not what its digests say, or cannot be written.
    pub fn sign_package(&self, path: &Path) -> Result<(), PackageError> {
        let mut package = Package::open(path)?;
        let what = format!("{} {}", package.manifest.name, package.manifest.version);
        let signature =
            self.sign(package.to_sign(), &what).map_err(PackageError::package(SIGNATURE))?;
        let folder = whole::folder(path);
        let written = whole::unfinished(folder, ".unfinished-");
        let mut file = written.map_err(PackageError::file("write", folder))?;
        package.resigned(file.as_file_mut(), Some(&signature))?;
        file.persist(path).map(drop).map_err(|error| PackageError::file("write", path)(error.error))
    }
}
