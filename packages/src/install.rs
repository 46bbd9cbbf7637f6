//! From a file into the store: as a whole, or not at all.

use std::fmt;

use semver::Version;

use crate::archive::Package;
use crate::error::PackageError;
use crate::key::PublicKey;
use crate::manifest::Manifest;
use crate::name::Wanted;
use crate::store::{Installed, Origin, Receipt, Store, Taken};

/// What the user has said yes to.
#[derive(Debug, Clone, Default)]
pub struct Consent {
    /// To believe this key for the package's name, if no other is believed.
    pub key: Option<PublicKey>,
    /// To code: libraries, TorchScript, what AOTInductor has compiled.
    pub native: bool,
    /// To a package that nobody has signed.
    pub unsigned: bool,
    /// To a version that is older than one that is installed.
    pub downgrade: bool,
}

/// What native code is run by.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    /// The platform, as Rust calls it.
    pub target: &'a str,
    /// The version of the plugin interface; earlier ones that are compatible with it will do.
    pub interface: &'a str,
}

impl Machine<'_> {
    /// Why it runs no package with this manifest; `None` if it does.
    fn problem(&self, manifest: &Manifest) -> Option<String> {
        if manifest.variants.is_empty() {
            return None;
        }
        let Some(variant) = manifest.variant(self.target) else {
            let there = manifest.variants.iter().map(|variant| variant.target.as_str());
            let there = there.collect::<Vec<_>>().join(", ");
            return Some(format!("nothing for this machine, {}, only for {there}", self.target));
        };
        let wanted = format!("^{}", variant.interface).parse::<semver::VersionReq>();
        let found = self.interface.parse::<Version>();
        let fits = wanted.is_ok_and(|wanted| found.is_ok_and(|found| wanted.matches(&found)));
        (!fits).then(|| {
            format!(
                "its library was built against version {} of the plugin interface, and this drs has {}: another version of the package, or of drs, may fit",
                variant.interface, self.interface
            )
        })
    }
}

/// What a user must say yes to before a package is installed.
#[derive(Debug, Clone, PartialEq)]
pub enum Need {
    /// This key signed it, and none is believed for its name.
    Key(PublicKey),
    /// It is signed, but does not say by whom.
    SomeKey,
    /// Nobody signed it.
    Unsigned,
    /// It holds code.
    Native,
    /// A newer version is installed.
    Downgrade(Version),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(
                f,
                "it is signed by the key {key}, which is new for this name: compare it with what its publisher says, then --trust {key}"
            ),
            Self::SomeKey => {
                f.write_str("it is signed, but no key is known for this name: give its publisher's, --trust KEY")
            }
            Self::Unsigned => f.write_str("nobody has signed it: --allow-unsigned installs it all the same"),
            Self::Native => f.write_str(
                "it holds code (a library, TorchScript or what PyTorch has compiled), which can do whatever you can: --allow-native, if you trust its publisher",
            ),
            Self::Downgrade(newer) => {
                write!(f, "the newer version {newer} is installed: --allow-downgrade installs this one beside it")
            }
        }
    }
}

/// What consent a package needs that was not given.
///
/// # Errors
/// If it must not be installed, whatever the user says: it is signed by another key than the one that is
/// believed for its name, the signature is wrong, or it has nothing for this machine.
pub fn needs(
    store: &Store,
    package: &Package,
    consent: &Consent,
    machine: Machine<'_>,
) -> Result<Vec<Need>, PackageError> {
    let mut needs = Vec::new();
    let name = &package.manifest.name;
    match (store.key(name)?, package.is_signed()) {
        (Some(known), true) => package.check_signature(&known).map_err(|problem| {
            PackageError::Refused(format!(
                "{problem}\n{name} was signed by {known} before, and this is not. Somebody else may pass for its publisher: install nothing, and ask the publisher. If the key did change, drs expert forget {name}"
            ))
        })?,
        (Some(known), false) => {
            return Err(PackageError::Refused(format!(
                "{name}: nobody has signed this package, but {known} signed {name} before: it is refused"
            )));
        }
        (None, false) if consent.key.is_some() => {
            return Err(PackageError::Refused(format!("{name}: not signed, by --trust or anybody")));
        }
        (None, false) if !consent.unsigned => needs.push(Need::Unsigned),
        (None, false) => {}
        (None, true) => match (&consent.key, package.signer()) {
            (Some(key), _) => package.check_signature(key)?,
            (None, Some(signer)) => {
                package.check_signature(&signer)?;
                needs.push(Need::Key(signer));
            }
            (None, None) => needs.push(Need::SomeKey),
        },
    }
    let manifest = &package.manifest;
    if let Some(problem) = machine.problem(manifest) {
        return Err(PackageError::Refused(format!("{name} {}: {problem}", manifest.version)));
    }
    if package.holds_code && !consent.native {
        needs.push(Need::Native);
    }
    let newest = store.versions(name)?.pop().filter(|newest| *newest > manifest.version);
    if let Some(newest) = newest.filter(|_| !consent.downgrade) {
        needs.push(Need::Downgrade(newest));
    }
    Ok(needs)
}

/// Installs a package. Whatever happens, it is then there as a whole or not at all.
///
/// # Errors
/// If consent is missing, something is not what its digests say, or something cannot be written.
pub fn install(
    store: &Store,
    package: &mut Package,
    consent: &Consent,
    machine: Machine<'_>,
    origin: &Origin,
) -> Result<Installed, PackageError> {
    let taken = store.take()?;
    // Under the lock: another may have come first.
    let missing = needs(store, package, consent, machine)?;
    let (name, version) = (package.manifest.name.clone(), package.manifest.version.clone());
    if !missing.is_empty() {
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        return Err(PackageError::Refused(format!("{name} {version}: {}", missing.join("; "))));
    }
    let wanted = Wanted::exactly(&name, &version)?;
    if let Ok(Some(there)) = store.find(&wanted)
        && there.identity != package.identity
    {
        return Err(PackageError::Refused(format!(
            "{name} {version} is installed, and is another package ({}, this is {}): a version is published once. Remove it first if this is the right one",
            there.identity, package.identity
        )));
    }
    put(&taken, package, consent, origin)?;
    let found = store.find(&wanted)?;
    found.ok_or_else(|| PackageError::Refused(format!("{name} {version}: gone again")))
}

fn put(
    taken: &Taken<'_>,
    package: &mut Package,
    consent: &Consent,
    origin: &Origin,
) -> Result<(), PackageError> {
    let folder = taken.unfinished()?;
    package.unpack(folder.path())?;
    taken.settle(folder, package.identity)?;
    let (name, version) = (&package.manifest.name, &package.manifest.version);
    // Before the package: whoever installs it a second time is not asked again.
    let known = taken.store.key(name)?.or_else(|| consent.key.clone());
    let key = known.filter(|_| package.is_signed());
    if let Some(key) = &key {
        taken.believe(name, key)?;
    }
    let Origin { source, index } = origin.clone();
    let receipt = Receipt { identity: package.identity, key, source, index };
    taken.write(&taken.store.receipt(name, version), &receipt)
}
