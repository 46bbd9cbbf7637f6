//! `drs expert install`.

use std::path::Path;

use anyhow::{Context as _, bail};
use drs_packages::{
    Consent, Installed, LOCK, Lock, Locked, Machine, Manifest, Need, Store, TARGET, install, needs,
};
use drs_plugins_api::abi;
use drs_progress::{out, say};

use super::from::{Obtained, choose, obtain, of_index};
use crate::args::{ConsentArgs, FromIndex, InstallArgs};
use crate::ask::{can_ask, yes};

/// What runs native code here.
const HERE: Machine<'_> = Machine { target: TARGET, interface: abi::VERSION };

pub(crate) fn run(args: &InstallArgs) -> anyhow::Result<()> {
    let store = Store::of_user()?;
    if let Some(experts) = &args.locked {
        return locked(experts, args, &store);
    }
    let source = args.source.as_ref().context("expected a package, or --locked FILE")?;
    let obtained = obtain(source, &args.from, &store)?;
    let installed = put(obtained, &args.consent, &store)?;
    let Installed { manifest, folder, .. } = installed;
    out!("installed {} {} in {}", manifest.name, manifest.version, folder.display())?;
    match (&manifest.pool, &manifest.plugin) {
        (Some(_), _) => out!("use it: drs route --pool {} photo.png", manifest.name)?,
        (None, Some(plugin)) => out!("use it: plugin = \"{plugin}\" in experts.toml")?,
        (None, None) => {}
    }
    Ok(())
}

/// Installs a package that is at hand, with the consent that it needs.
pub(super) fn put(
    obtained: Obtained,
    given: &ConsentArgs,
    store: &Store,
) -> anyhow::Result<Installed> {
    let Obtained { mut package, ref origin, ref index_key, .. } = obtained;
    let source = &origin.source;
    let mut consent = Consent {
        key: given.trust.clone(),
        native: given.allow_native,
        unsigned: given.allow_unsigned,
        downgrade: given.allow_downgrade,
    };
    // Whoever is believed for an index is believed for the packages that they signed themselves.
    if consent.key.is_none() && package.signer() == *index_key {
        consent.key.clone_from(index_key);
    }
    show(&package.manifest);
    for need in needs(store, &package, &consent, HERE)? {
        if !can_ask() {
            bail!("{source}: {need}");
        }
        match &need {
            Need::Key(key) => {
                say!(
                    "signed by {key}, which is new here. Whoever holds this key can publish every later version of {}",
                    package.manifest.name
                );
                consent.key = yes("believe this key?")?.then(|| key.clone());
            }
            Need::Native => {
                say!("{need}");
                consent.native = yes("install it?")?;
            }
            // Rare, and not to be said yes to in passing.
            Need::SomeKey | Need::Unsigned | Need::Downgrade(_) => bail!("{source}: {need}"),
        }
    }
    Ok(install(store, &mut package, &consent, HERE, origin)?)
}

/// Installs what `drs.lock` beside an experts.toml names, and is not there.
fn locked(experts: &Path, args: &InstallArgs, store: &Store) -> anyhow::Result<()> {
    let folder = experts.parent().unwrap_or(Path::new("."));
    let path = folder.join(LOCK);
    let lock = Lock::beside(folder)?
        .with_context(|| format!("{}: not there; drs expert lock writes it", path.display()))?;
    for package in &lock.packages {
        let Locked { name, version, .. } = package;
        match store.find(&package.wanted()?)? {
            Some(found) if found.identity == package.identity => {
                out!("{name} {version} is installed")?;
            }
            _ => {
                of_lock(package, &args.from, &args.consent, store)
                    .with_context(|| path.display().to_string())?;
                out!("installed {name} {version}")?;
            }
        }
    }
    Ok(())
}

/// A package that a lock names. The lock has its key: it is believed, if no other is.
fn of_lock(
    package: &Locked,
    from: &FromIndex,
    given: &ConsentArgs,
    store: &Store,
) -> anyhow::Result<()> {
    let wanted = package.wanted()?;
    let obtained = of_index(&choose(&wanted, from, store)?, &wanted, store)?;
    if obtained.package.identity != package.identity {
        bail!(
            "{} {}: {} found, expected {}: another package of this name and version",
            package.name,
            package.version,
            obtained.package.identity,
            package.identity
        );
    }
    let mut consent = given.clone();
    // Installed from here on, whatever else is.
    consent.allow_downgrade = true;
    if consent.trust.is_none() {
        consent.trust.clone_from(&package.key);
    }
    put(obtained, &consent, store).map(drop)
}

/// What is about to be installed.
fn show(manifest: &Manifest) {
    let authors = manifest.authors.join(", ");
    let by = if authors.is_empty() { String::new() } else { format!(", by {authors}") };
    say!("{} {}{by}, licence {}", manifest.name, manifest.version, manifest.license);
    if !manifest.description.is_empty() {
        say!("{}", manifest.description);
    }
}
