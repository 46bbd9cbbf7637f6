//! `drs expert lock`: which packages an experts.toml means, by all of their bytes.

use std::path::Path;

use anyhow::{Context as _, bail};
use drs_packages::{Installed, LOCK, Lock, Store, Wanted};
use drs_progress::out;
use drs_router::{Config, ModelSpec, RouterSpec, package_of};

use crate::args::LockArgs;
use crate::exit;

pub(crate) fn run(args: &LockArgs) -> anyhow::Result<u8> {
    let path = &args.experts;
    let parent = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let (used, folder) = match named(path)? {
        Some(pool) => (vec![pool], parent.unwrap_or(Path::new(".")).to_owned()),
        None => {
            let config = Config::read(path)?;
            (used(&config)?, config.base_dir())
        }
    };
    let lock = Lock::of(&used);
    let file = folder.join(LOCK);
    if args.check {
        let there = Lock::beside(&folder)?;
        let is_right = there.as_ref() == Some(&lock);
        out!(
            "{}: {}",
            file.display(),
            if is_right { "as it would be written" } else { "another would be written" }
        )?;
        return Ok(if is_right { exit::SUCCESS } else { exit::FAILURE });
    }
    lock.write(&folder)?;
    for package in &lock.packages {
        out!("{} {}", package.name, package.version)?;
    }
    out!("{}: {} packages", file.display(), lock.packages.len())?;
    Ok(exit::SUCCESS)
}

/// The newest package that an experts.toml of one line, `pool = "NAME@VERSION"`, may mean.
fn named(path: &Path) -> anyhow::Result<Option<Installed>> {
    let (text, _claim) = drs_memory::read_text(path).with_context(|| path.display().to_string())?;
    let table = text.parse::<toml::Table>().unwrap_or_default();
    let Some(pool) = table.get("pool").and_then(toml::Value::as_str) else { return Ok(None) };
    let wanted: Wanted = match pool.parse() {
        Ok(wanted) => wanted,
        Err(problem) => bail!("{}: pool: {problem}", path.display()),
    };
    let found = Store::of_user()?.find(&wanted)?;
    found.map(Some).with_context(|| format!("{}: pool: {wanted} is not installed", path.display()))
}

/// The packages that have the plugins of a pool.
fn used(config: &Config) -> anyhow::Result<Vec<Installed>> {
    let router = match &config.router {
        Some(RouterSpec::Own(model)) => Some(model),
        _ => None,
    };
    let experts = config.experts.iter().map(|expert| &expert.model);
    let models = router.into_iter().chain(experts);
    let package = |model: &ModelSpec| package_of(&model.plugin, &config.base_dir());
    let found = models.map(package).collect::<Result<Vec<_>, _>>()?;
    Ok(found.into_iter().flatten().collect())
}
