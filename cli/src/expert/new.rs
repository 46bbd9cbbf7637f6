//! `drs expert new`: a crate to begin with.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::args::NewArgs;

/// What is written, and where; `{{…}}` is filled in.
const FILES: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("../../templates/expert/Cargo.toml.in")),
    ("src/lib.rs", include_str!("../../templates/expert/src/lib.rs")),
    ("experts.toml", include_str!("../../templates/expert/experts.toml")),
    ("README.md", include_str!("../../templates/expert/README.md")),
    (".github/workflows/ci.yml", include_str!("../../templates/expert/.github/workflows/ci.yml")),
    (".gitignore", include_str!("../../templates/expert/gitignore")),
];

pub(super) fn run(args: &NewArgs) -> anyhow::Result<()> {
    let name = &args.name;
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(fine) {
        bail!("{name}: expected lower-case letters, digits and '-', a letter first");
    }
    let folder = match &args.path {
        Some(path) => path.clone(),
        None => format!("drs-expert-{name}").into(),
    };
    if folder.exists() && std::fs::read_dir(&folder).map_or(true, |mut all| all.next().is_some()) {
        bail!("{} exists and is not empty: give another --path", folder.display());
    }
    let version = env!("CARGO_PKG_VERSION");
    let dependency = match &args.local {
        None => format!("drs-plugins-api = \"{version}\""),
        Some(checkout) => {
            let path = checkout.join("plugins-api");
            let path = path.canonicalize().with_context(|| path.display().to_string())?;
            format!("drs-plugins-api = {{ version = \"{version}\", path = {path:?} }}")
        }
    };
    for (file, text) in FILES {
        let text = text
            .replace("{{name}}", name)
            .replace("{{crate}}", &name.replace('-', "_"))
            .replace("{{dependency}}", &dependency);
        write(&folder.join(file), &text)?;
    }
    eprintln!(
        "{}: an expert that works as it is; its README.md tells how to build and check it",
        folder.display()
    );
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let problem = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(problem)?;
    }
    std::fs::write(path, text).with_context(problem)
}
