//! A pool that is a package: `pool = "cifar10@1.0"` in the place of everything else.

use std::path::{Path, PathBuf};

use drs_packages::{Store, Wanted};

/// The key that stands alone.
const KEY: &str = "pool";

/// The experts.toml of the package that a text names, which lies in this folder; `None` if it names none.
pub(super) fn pool(text: &str, folder: &Path) -> Result<Option<PathBuf>, String> {
    // What is no TOML is told by whoever reads all of it.
    let Ok(table) = text.parse::<toml::Table>() else { return Ok(None) };
    let Some(value) = table.get(KEY) else { return Ok(None) };
    if let Some(other) = table.keys().find(|key| *key != KEY) {
        return Err(format!(
            "stands alone, but {other} is there too: the package says what its models are"
        ));
    }
    let wanted = value.as_str().ok_or("expected a text such as \"cifar10@1.0\"")?;
    let wanted: Wanted = wanted.parse()?;
    let found = Store::of_user().and_then(|store| store.resolve(&wanted, folder));
    let found = found.map_err(|error| error.to_string())?;
    let found = found.ok_or_else(|| {
        format!("{wanted} is not installed: drs expert install installs a package")
    })?;
    let experts = found.manifest.experts();
    let experts = experts.ok_or_else(|| format!("{wanted} is a plugin, expected a pool"))?;
    Ok(Some(found.folder.join(experts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stands_alone_and_is_a_name() {
        let pool = |text: &str| pool(text, Path::new("."));
        assert_eq!(pool("[input]\nshape = [1, 2, 2]\n"), Ok(None));
        assert_eq!(pool("not toml"), Ok(None));
        for (text, expected) in [
            ("pool = \"a\"\n[input]\n", "input is there too"),
            ("pool = 3", "expected a text"),
            ("pool = \"../a\"", "expected a name"),
            ("pool = \"a@b\"", "expected a version"),
            ("pool = \"nobody-has-this\"", "not installed"),
        ] {
            let problem = pool(text).unwrap_err();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }
}
