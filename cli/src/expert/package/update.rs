//! `drs expert update`: newer versions of what came from an index.

use anyhow::bail;
use drs_packages::{Installed, Store, TARGET, Wanted};
use drs_progress::out;

use super::from::{Chosen, Configured, of_index, open};
use super::install::put;
use crate::args::UpdateArgs;

pub(crate) fn run(args: &UpdateArgs) -> anyhow::Result<()> {
    let store = Store::of_user()?;
    let mut newest: Vec<Installed> = Vec::new();
    for installed in store.all()? {
        // The newest of each name comes last.
        newest.retain(|other| other.manifest.name != installed.manifest.name);
        newest.push(installed);
    }
    if let Some(name) = &args.name {
        newest.retain(|installed| installed.manifest.name == *name);
        if newest.is_empty() {
            bail!("{name}: not installed; drs expert list tells what is");
        }
    }
    for installed in newest {
        one(&installed, args, &store)?;
    }
    Ok(())
}

/// Installs the newest version that is compatible with the one that is there, as cargo understands it.
fn one(installed: &Installed, args: &UpdateArgs, store: &Store) -> anyhow::Result<()> {
    let (name, version) = (&installed.manifest.name, &installed.manifest.version);
    let place = args.from.index.as_ref().or(installed.index.as_ref());
    let Some(place) = place else {
        out!(
            "{name} {version}: it came from {}: --index tells where newer ones are",
            installed.source
        )?;
        return Ok(());
    };
    let chosen = Chosen::named(place, args.from.trust_index.as_ref(), &Configured::read()?)?;
    let index = open(&chosen, store)?;
    let compatible = wanted(&format!("{name}@^{version}"))?;
    // Where the index has no version that will do, this one stays.
    let found = index.find(&compatible, TARGET).ok().flatten();
    match found.filter(|release| release.version > *version) {
        None => out!("{name} {version} is the newest of its kind")?,
        Some(release) => {
            let exactly = wanted(&format!("{name}@={}", release.version))?;
            put(of_index(&chosen, &exactly, store)?, &args.consent, store)?;
            out!("{name} {version} → {}", release.version)?;
        }
    }
    let any = index.find(&wanted(name.as_str())?, TARGET).ok().flatten();
    if let Some(other) = any.filter(|any| !compatible.takes(&any.version) && any.version > *version)
    {
        out!(
            "{name} {} is there too, and may differ: drs expert install {name}@{0}",
            other.version
        )?;
    }
    Ok(())
}

fn wanted(text: &str) -> anyhow::Result<Wanted> {
    text.parse().map_err(|problem: String| anyhow::anyhow!(problem))
}
