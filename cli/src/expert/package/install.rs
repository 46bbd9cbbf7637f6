//! `drs expert install`.

use anyhow::bail;
use drs_packages::{Consent, Installed, Manifest, Need, Package, Store, TARGET, install, needs};
use drs_progress::{out, say};

use super::ask::{can_ask, yes};
use crate::args::InstallArgs;

/// How a package begins that pip has installed. Python puts the path in its place before this runs.
const PYPI: &str = "pypi:";

pub(crate) fn run(args: &InstallArgs) -> anyhow::Result<()> {
    if args.source.to_str().is_some_and(|source| source.starts_with(PYPI)) {
        bail!(
            "{}: this drs does not know what pip has installed, expected the path of a package; the drs of the Python package takes it: python -m drs_smoothing expert install {0}",
            args.source.display()
        );
    }
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
