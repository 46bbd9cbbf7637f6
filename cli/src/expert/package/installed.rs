//! `drs expert info`, `verify`, `remove` and `forget`: packages that are installed.

use anyhow::{Context as _, bail};
use drs_packages::{Installed, Metric, Store, Wanted};
use drs_progress::out;
use serde_json::json;

use super::from;
use crate::args::{ForgetArgs, InfoArgs, RemoveArgs, VerifyInstalledArgs};
use crate::exit;

pub(crate) fn info(args: &InfoArgs) -> anyhow::Result<()> {
    let found = find(&Store::of_user()?, &args.package)?;
    if args.json {
        let told = json!({
            "manifest": found.manifest, "identity": found.identity, "folder": found.folder,
            "key": found.key, "source": found.source, "index": found.index, "files": found.digests.files,
        });
        out!("{told}")?;
        return Ok(());
    }
    let Installed { manifest, identity, folder, key, source, digests, index } = &found;
    out!("{} {}", manifest.name, manifest.version)?;
    if !manifest.description.is_empty() {
        out!("{}", manifest.description)?;
    }
    out!("licence   {}", manifest.license)?;
    if !manifest.authors.is_empty() {
        out!("authors   {}", manifest.authors.join(", "))?;
    }
    if let Some(pool) = &manifest.pool {
        let [channels, height, width] = pool.shape;
        out!("inputs    {channels} x {height} x {width}")?;
        out!("classes   {}: {}", pool.classes.len(), pool.classes.join(", "))?;
        for model in &pool.models {
            out!("model     {}, sigma {}, plugin {}", model.name, model.sigma, model.plugin)?;
        }
    }
    for variant in &manifest.variants {
        let needs = match variant.needs.is_empty() {
            true => String::new(),
            false => format!(", needs {}", variant.needs.join(", ")),
        };
        out!("native    {}, interface {}{needs}", variant.target, variant.interface)?;
    }
    for metric in &manifest.metrics {
        out!("certified {} (so the publisher says)", told(metric))?;
    }
    out!("signed by {}", key.as_ref().map_or("nobody".to_owned(), ToString::to_string))?;
    out!("from      {source}")?;
    if let Some(index) = index {
        out!("index     {index}")?;
    }
    out!("identity  {identity}, {} files", digests.files.len())?;
    out!("folder    {}", folder.display())?;
    Ok(())
}

/// What the publisher says that certificates say, in one line.
fn told(metric: &Metric) -> String {
    let Metric { data, inputs, method, alpha, radii, certified_accuracy } = metric;
    let pairs = radii.iter().zip(certified_accuracy);
    let shares = pairs.map(|(radius, share)| format!("{:.2} % at {radius}", share * 100.0));
    let shares: Vec<String> = shares.collect();
    format!("{data}, {inputs} inputs, {method}, alpha {alpha}: {}", shares.join(", "))
}

pub(crate) fn verify(args: &VerifyInstalledArgs) -> anyhow::Result<u8> {
    let store = Store::of_user()?;
    let all = match &args.package {
        Some(wanted) => vec![find(&store, wanted)?],
        None => store.all()?,
    };
    let mut right = true;
    for installed in all {
        let (name, version) = (&installed.manifest.name, &installed.manifest.version);
        let changed = installed.changed()?;
        right &= changed.is_empty();
        match changed.is_empty() {
            true => out!("{name} {version}: every file is as it was installed")?,
            false => {
                out!("{name} {version}: changed since it was installed: {}", changed.join(", "))?
            }
        }
    }
    Ok(if right { exit::SUCCESS } else { exit::FAILURE })
}

pub(crate) fn remove(args: &RemoveArgs) -> anyhow::Result<()> {
    let store = Store::of_user()?;
    let versions = store.versions(&args.package.name)?;
    let chosen: Vec<_> =
        versions.into_iter().filter(|version| args.package.takes(version)).collect();
    if chosen.is_empty() {
        bail!("{}: not installed", args.package);
    }
    for version in chosen {
        if store.remove(&args.package.name, &version)? {
            out!("removed {} {version}", args.package.name)?;
        }
    }
    Ok(())
}

pub(crate) fn forget(args: &ForgetArgs) -> anyhow::Result<()> {
    let store = Store::of_user()?;
    let (known, what) = match (&args.name, &args.index) {
        (Some(name), _) => (store.forget_key(name)?, name.to_string()),
        (None, Some(place)) => {
            let place = from::place(place)?;
            (store.forget_index(&place)?, format!("the index {place}"))
        }
        (None, None) => bail!("expected a name, or --index"),
    };
    match known {
        true => out!("no key is believed for {what} any more")?,
        false => out!("no key was believed for {what}")?,
    }
    Ok(())
}

fn find(store: &Store, wanted: &Wanted) -> anyhow::Result<Installed> {
    store.find(wanted)?.with_context(|| {
        format!(
            "{wanted}: not installed; drs expert list tells what is, drs expert install installs"
        )
    })
}
