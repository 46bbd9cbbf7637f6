//! `drs expert index`.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, bail};
use drs_packages::{Package, make};
use drs_progress::out;

use super::sign::signer;
use crate::args::IndexArgs;

const DAY: u64 = 86_400;

pub(crate) fn run(args: &IndexArgs) -> anyhow::Result<()> {
    let signer = signer(&args.key)?;
    let packages = args.folder.join("packages");
    fs::create_dir_all(&packages).with_context(|| packages.display().to_string())?;
    for path in &args.packages {
        let manifest = Package::open(path)?.manifest;
        let to = packages.join(format!("{}-{}.drsx", manifest.name, manifest.version));
        if to.exists() && Package::open(&to)?.identity != Package::open(path)?.identity {
            bail!(
                "{}: {} is there, and is another package: give this one a new version",
                path.display(),
                to.display()
            );
        }
        // A copy that is not finished is none of the index's: it does not end in .drsx.
        let unfinished = to.with_extension("unfinished");
        fs::copy(path, &unfinished)
            .and_then(|_| fs::rename(&unfinished, &to))
            .with_context(|| to.display().to_string())?;
    }
    let valid = args.days.map(|days| Duration::from_secs(days.saturating_mul(DAY)));
    let made = make(&args.folder, &signer, args.name.as_ref(), valid)?;
    if args.json {
        out!("{}", serde_json::to_string(&made)?)?;
        return Ok(());
    }
    for (name, versions) in &made.packages {
        let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
        out!("{name} {}", versions.join(", "))?;
    }
    let how = if made.is_new { "" } else { ", as it was" };
    out!("{}: the index {}, serial {}{how}", args.folder.display(), made.name, made.serial)?;
    Ok(())
}
