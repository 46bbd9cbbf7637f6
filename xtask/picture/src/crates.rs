//! The crates of the workspace, as cargo tells them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// Crates by folder, and the folders of those that each one uses.
pub(crate) type Uses = BTreeMap<String, BTreeSet<String>>;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    /// Registries that it may go to; `None` is any.
    publish: Option<Vec<String>>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    /// `None` where it is not only for tests or the build.
    kind: Option<String>,
    /// Where it is a crate of the workspace.
    path: Option<PathBuf>,
}

/// The crates that are published.
pub(crate) fn published() -> Result<Uses, String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = command.output().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let found: Metadata = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{command:?}: not what was expected: {error}"))?;
    Ok(uses(&found))
}

fn uses(found: &Metadata) -> Uses {
    let name = |folder: &Path| {
        folder.strip_prefix(&found.workspace_root).unwrap_or(folder).display().to_string()
    };
    let published = found.packages.iter().filter(|package| package.publish.is_none());
    let uses = published.filter_map(|package| {
        let used = package.dependencies.iter().filter(|used| used.kind.is_none());
        let used = used.filter_map(|used| used.path.as_deref().map(name));
        Some((name(package.manifest_path.parent()?), used.collect()))
    });
    uses.collect()
}

/// Leaves out what is used through another one anyway.
pub(crate) fn direct(uses: &Uses) -> Uses {
    let through = |from: &BTreeSet<String>, to: &str| {
        from.iter().any(|next| next != to && reaches(uses, next, to))
    };
    let direct = uses.iter().map(|(name, used)| {
        let kept = used.iter().filter(|to| !through(used, to)).cloned();
        (name.clone(), kept.collect())
    });
    direct.collect()
}

fn reaches(uses: &Uses, from: &str, to: &str) -> bool {
    let used = uses.get(from).into_iter().flatten();
    from == to || used.into_iter().any(|next| reaches(uses, next, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_through_another_one_is_left_out() {
        let uses = |pairs: &[(&str, &[&str])]| -> Uses {
            let own = |(name, used): &(&str, &[&str])| {
                ((*name).to_owned(), used.iter().map(|&used| used.to_owned()).collect())
            };
            pairs.iter().map(own).collect()
        };
        let all = uses(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]);
        assert_eq!(direct(&all), uses(&[("a", &["b"]), ("b", &["c"]), ("c", &[])]));
    }

    #[test]
    fn crates_for_the_project_alone_and_for_tests_are_left_out() {
        let text = r#"{
            "workspace_root": "/w",
            "packages": [
                {"manifest_path": "/w/a/Cargo.toml", "publish": null, "dependencies": [
                    {"kind": null, "path": "/w/x/b"}, {"kind": "dev", "path": "/w/t"}, {"kind": null, "path": null}
                ]},
                {"manifest_path": "/w/x/b/Cargo.toml", "publish": null, "dependencies": []},
                {"manifest_path": "/w/t/Cargo.toml", "publish": [], "dependencies": [{"kind": null, "path": "/w/a"}]}
            ]
        }"#;
        let uses = uses(&serde_json::from_str(text).unwrap());
        let told: Vec<_> = uses.iter().map(|(a, used)| (a.as_str(), used.iter().next())).collect();
        assert_eq!(told, [("a", Some(&"x/b".to_owned())), ("x/b", None)]);
    }
}
