//! `drs expert install`.

use anyhow::bail;
use drs_packages::{Consent, Installed, Manifest, Need, Package, Store, TARGET, install, needs};
use drs_progress::{out, say};

use crate::args::InstallArgs;
use crate::ask::{can_ask, yes};

pub(crate) fn run(args: &InstallArgs) -> anyhow::Result<()> {
    let store = Store::of_user()?;
    let mut package = Package::open(&args.source)?;
    let mut consent = Consent {
        key: args.trust.clone(),
        native: args.allow_native,
        unsigned: args.allow_unsigned,
        downgrade: args.allow_downgrade,
    };
    show(&package.manifest);
    for need in needs(&store, &package, &consent, TARGET)? {
        if !can_ask() {
            bail!("{}: {need}", args.source.display());
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
            Need::SomeKey | Need::Unsigned | Need::Downgrade(_) => {
                bail!("{}: {need}", args.source.display());
            }
        }
    }
    let source = std::path::absolute(&args.source)?.display().to_string();
    let Installed { manifest, folder, .. } =
        install(&store, &mut package, &consent, TARGET, &source)?;
    out!("installed {} {} in {}", manifest.name, manifest.version, folder.display())?;
    match (&manifest.pool, &manifest.plugin) {
        (Some(_), _) => out!("use it: drs route --pool {} photo.png", manifest.name)?,
        (None, Some(plugin)) => out!("use it: plugin = \"{plugin}\" in experts.toml")?,
        (None, None) => {}
    }
    Ok(())
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
