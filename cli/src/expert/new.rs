//! `drs expert new`: a crate that builds, passes its tests and keeps the rules.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use drs_progress::out;

use crate::args::NewArgs;

/// The files of the crate: where they go, and what they hold.
const FILES: [(&str, &str); 13] = [
    ("Cargo.toml", include_str!("../../templates/expert/Cargo.toml.in")),
    ("README.md", include_str!("../../templates/expert/README.md")),
    (".gitignore", include_str!("../../templates/expert/gitignore")),
    (".github/workflows/ci.yml", include_str!("../../templates/expert/ci.yml")),
    ("ci.sh", include_str!("../../templates/expert/ci.sh")),
    ("publish.sh", include_str!("../../templates/expert/publish.sh")),
    ("experts.toml", include_str!("../../templates/expert/experts.toml")),
    ("models/mean.json", include_str!("../../templates/expert/models/mean.json")),
    ("models/ties.json", include_str!("../../templates/expert/models/ties.json")),
    ("models/overflow.json", include_str!("../../templates/expert/models/overflow.json")),
    ("src/lib.rs", include_str!("../../templates/expert/lib.rs")),
    ("src/model.rs", include_str!("../../templates/expert/model.rs")),
    ("src/tests.rs", include_str!("../../templates/expert/tests.rs")),
];

/// The crate that plugins are written against.
const API: &str = "drs-plugins-api";

/// Its version that was released last, and that as a registry hands it out.
const VERSION: &str = "0.1.0";
const RELEASED: &[u8] = include_bytes!("../../templates/drs-plugins-api-0.1.0.crate");

/// Where the new crate has it.
const VENDORED: &str = "vendor/drs-plugins-api";

pub(super) fn run(args: &NewArgs) -> anyhow::Result<()> {
    let package = format!("drs-expert-{}", args.name.replace('_', "-"));
    let folder = args.path.clone().unwrap_or_else(|| PathBuf::from(&package));
    let api = match &args.api {
        Some(folder) => format!("{{ path = {} }}", toml::Value::String(checkout(folder)?)),
        None => format!("{{ path = \"{VENDORED}\" }}"),
    };
    let name = &args.name;
    if let Err(error) = std::fs::create_dir(&folder) {
        if error.kind() == ErrorKind::AlreadyExists {
            bail!("{}: is there already; --path takes another folder", folder.display());
        }
        return Err(error).with_context(|| format!("cannot make {}", folder.display()));
    }
    for (file, text) in FILES {
        let text = text
            .replace("{{name}}", name)
            .replace("{{package}}", &package)
            .replace("{{hyphened}}", &name.replace('_', "-"))
            .replace("{{version}}", VERSION)
            .replace("{{api}}", &api);
        let path = folder.join(file);
        write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if args.api.is_none() {
        vendor(&folder)
            .with_context(|| format!("cannot write {}", folder.join(VENDORED).display()))?;
    }
    out!("{}: an expert; its README.md tells what is where", folder.display())?;
    Ok(())
}

/// Puts the interface into the crate, so that it builds without a registry that has it.
fn vendor(folder: &Path) -> std::io::Result<()> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(RELEASED));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        // Without the folder that everything is in; Cargo.lock and the like are of no use there.
        let inside: PathBuf = path.components().skip(1).collect();
        let is_used = inside.starts_with("src")
            || inside.ends_with("Cargo.toml")
            || inside.ends_with("README.md");
        if is_used {
            let to = folder.join(VENDORED).join(inside);
            std::fs::create_dir_all(to.parent().unwrap_or(folder))?;
            std::io::copy(&mut entry, &mut File::create_new(to)?)?;
        }
    }
    Ok(())
}

/// Never over a file that is there.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::create_new(path)?.write_all(text.as_bytes())
}

/// The whole path of a folder that holds drs-plugins-api.
fn checkout(folder: &Path) -> anyhow::Result<String> {
    let manifest = folder.join("Cargo.toml");
    let named = |problem| format!("--api {}: {problem}", manifest.display());
    let text = std::fs::read_to_string(&manifest).with_context(|| named("cannot be read"))?;
    let table: toml::Table = toml::from_str(&text).with_context(|| named("is no manifest"))?;
    let package = table.get("package").and_then(|package| package.get("name"));
    if package.and_then(toml::Value::as_str) != Some(API) {
        bail!(named(&format!("is not that of {API}; expected the folder plugins-api of drs")));
    }
    let whole = folder.canonicalize().with_context(|| named("cannot be found"))?;
    whole.into_os_string().into_string().map_err(|_| anyhow::anyhow!(named("is not UTF-8")))
}
