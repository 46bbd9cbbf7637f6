#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "for whoever builds the project: nothing is lost by a panic"
)]
//! Finds modules that import each other in a circle: `drs-imports [FOLDER]`.
//!
//! Modules of one parent are compared, each with all that is below it. A module may use its
//! parent and its children: those are one thing, seen from two sides. Everything else has an
//! order, so that each module can be read, and tested, knowing only those before it.

mod circles;
mod uses;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    match check(&root) {
        Ok(found) if found.is_empty() => ExitCode::SUCCESS,
        Ok(found) => {
            found.iter().for_each(|circle| eprintln!("{circle}"));
            eprintln!(
                "error: {} circles of imports: move what both need into a module of its own",
                found.len()
            );
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The circles of all crates below a folder, in words.
fn check(root: &Path) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for source in sources(root)? {
        let uses = uses::of_crate(&source)?;
        let name = source.strip_prefix(root).unwrap_or(&source).display();
        found.extend(circles::among(&uses).into_iter().map(|circle| format!("{name}: {circle}")));
    }
    Ok(found)
}

/// The `src` folders of all crates below a folder.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let source = folder.join("src");
    if source.join("lib.rs").is_file() || source.join("main.rs").is_file() {
        found.push(source);
    }
    for entry in entries(folder)? {
        let name = entry.file_name().map(|name| name.to_string_lossy().into_owned());
        let skipped =
            |name: &str| name.starts_with('.') || ["target", "src", "fixture"].contains(&name);
        if entry.is_dir() && !entry.is_symlink() && name.is_some_and(|name| !skipped(&name)) {
            found.extend(sources(&entry)?);
        }
    }
    Ok(found)
}

/// What is in a folder, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let problem = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(problem)?;
    let mut entries: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(problem)?;
    entries.sort();
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_and_a_chain_is_none() {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixture");
        assert_eq!(check(&fixture.join("chain")).unwrap(), Vec::<String>::new());
        let found = check(&fixture.join("ring")).unwrap();
        assert_eq!(found, ["src: a → b::deep → a (a uses b::deep, b::deep uses a)"]);
    }

    #[test]
    fn there_is_none_in_this_repository() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        assert_eq!(check(&root).unwrap(), Vec::<String>::new());
        assert!(sources(&root).unwrap().len() > 15, "it was looked at");
    }
}
