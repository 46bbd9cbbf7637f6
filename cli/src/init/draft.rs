//! A model as it will be written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use drs_core::text::is_name;
use drs_plugins_api::declared::Classes;

use crate::args::Named;

/// What the router is called where models have names.
pub(super) const ROUTER: &str = "router";

/// Endings of model files, and what the torch plugin must be told of them.
const ENDINGS: [(&str, Option<&str>); 9] = [
    ("onnx", None),
    ("rten", None),
    ("pt2", Some("export")),
    ("pt", Some("torchscript")),
    ("pth", Some("checkpoint")),
    ("ckpt", Some("checkpoint")),
    ("tar", Some("checkpoint")),
    ("bin", Some("checkpoint")),
    ("safetensors", Some("checkpoint")),
];

/// A model that has a name and a file; sigma and classes only where the file does not tell them.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) name: String,
    /// As it was given.
    pub(super) path: PathBuf,
    /// As experts.toml has it.
    pub(super) inside: String,
    /// `kind`, for the torch plugin.
    pub(super) kind: Option<&'static str>,
    pub(super) sigma: Option<f64>,
    pub(super) classes: Option<Classes>,
}

/// The draft of an expert; `out` is the file that will name it.
pub(super) fn expert(named: &Named, out: &Path) -> anyhow::Result<Draft> {
    let path = &named.path;
    let name = match &named.name {
        Some(name) => name.clone(),
        None => stem(path).to_owned(),
    };
    let shown = path.display();
    if !is_name(&name) {
        bail!(
            "{shown}: the expert would be called \"{name}\", expected letters, digits, '_', '-' and '.'; give it a name: NAME={shown}"
        );
    }
    if name == ROUTER {
        bail!(
            "{shown}: the expert would be called {ROUTER}, which means the router; --router {shown} makes it that, NAME={shown} gives it another name"
        );
    }
    draft(name, path, out)
}

pub(super) fn router(path: &Path, out: &Path) -> anyhow::Result<Draft> {
    draft(ROUTER.to_owned(), path, out)
}

fn draft(name: String, path: &Path, out: &Path) -> anyhow::Result<Draft> {
    let shown = path.display();
    if !path.is_file() {
        let found = if path.exists() { "not a file" } else { "no such file" };
        bail!("{shown}: {found}, expected a model file");
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let known = ENDINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(ending));
    let Some((_, kind)) = known else {
        let expected: Vec<String> = ENDINGS.iter().map(|(known, _)| format!(".{known}")).collect();
        bail!(
            "{shown}: its ending tells no plugin, expected one of {}; for another plugin write experts.toml by hand (docs/writing-an-expert.md)",
            expected.join(", ")
        )
    };
    let inside = inside(path, out)?;
    Ok(Draft { name, path: path.to_owned(), inside, kind: *kind, sigma: None, classes: None })
}

/// The name of a file without its ending, or endings as in `s025.pth.tar`.
fn stem(path: &Path) -> &str {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut stem = name;
    while let Some((before, ending)) = stem.rsplit_once('.') {
        let known = ENDINGS.iter().any(|(known, _)| known.eq_ignore_ascii_case(ending));
        if !known || before.is_empty() {
            break;
        }
        stem = before;
    }
    // Of an ending that nobody knows something else is said.
    stem
}

/// The folder of a file that may not be there yet.
pub(super) fn folder(file: &Path) -> &Path {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// The path of a file as one that is written in `out` must name it: from its folder.
fn inside(path: &Path, out: &Path) -> anyhow::Result<String> {
    let real = |folder: &Path| {
        folder.canonicalize().with_context(|| format!("{}: cannot be found", folder.display()))
    };
    // A link stays one: what it names may change with it.
    let file = real(folder(path))?.join(path.file_name().unwrap_or_default());
    let relative = pathdiff::diff_paths(&file, real(folder(out))?).unwrap_or(file);
    let shown = path.display();
    let text = relative.into_os_string().into_string();
    text.map_err(|_| {
        anyhow::anyhow!("{shown}: not valid UTF-8, expected a path that a text can name; rename it")
    })
}

/// Names must differ: certificates tell experts by them.
pub(super) fn check_names(experts: &[Draft]) -> anyhow::Result<()> {
    let mut seen: BTreeMap<&str, &Path> = BTreeMap::new();
    for Draft { name, path, .. } in experts {
        if let Some(other) = seen.insert(name, path) {
            let (other, path) = (other.display(), path.display());
            bail!(
                "{path}: the expert would be called \"{name}\" as that of {other}, expected names that differ; give one of them another: NAME={path}"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experts_are_called_as_their_files() {
        for (path, expected) in [
            ("a/s025.onnx", "s025"),
            ("s025.pth.tar", "s025"),
            ("v1.5.ONNX", "v1.5"),
            ("model.bin", "model"),
            ("a.h5", "a.h5"),
        ] {
            assert_eq!(stem(Path::new(path)), expected);
        }
    }

    #[test]
    fn paths_start_from_the_written_file() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        std::fs::create_dir_all(path("pool/models")).unwrap();
        for name in ["pool/models/a.onnx", "b.onnx"] {
            std::fs::write(path(name), "").unwrap();
        }
        let inside = |model: &str| inside(&path(model), &path("pool/experts.toml")).unwrap();
        assert_eq!(inside("pool/models/a.onnx"), "models/a.onnx");
        assert_eq!(inside("pool/models/../../b.onnx"), "../b.onnx");
    }

    #[test]
    fn each_refusal_says_how_to_mend_it() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for name in ["a b.onnx", "router.onnx", "a.h5"] {
            std::fs::write(path(name), "").unwrap();
        }
        let refused = |name: &str| {
            let named = Named { name: None, path: path(name) };
            expert(&named, &path("experts.toml")).unwrap_err().to_string()
        };
        assert!(refused("a b.onnx").contains("NAME="), "{}", refused("a b.onnx"));
        assert!(refused("router.onnx").contains("--router"));
        assert!(refused("a.h5").contains(".safetensors; for another plugin"));
        assert!(refused("absent.onnx").contains("no such file"));
    }
}
