//! What files in a package may be called: so that they mean one file, inside, on every system.

use std::collections::BTreeSet;

/// Length of a path, at the most.
const MOST: usize = 200;

/// Names that Windows keeps for devices.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Whether a path may be in a package: parts of letters, digits, `_`, `-`, `.` and `+` with single
/// slashes between them.
pub(crate) fn check(path: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("the path {path:?}: {why}"));
    if path.len() > MOST {
        return wrong("longer than 200 bytes");
    }
    for part in path.split('/') {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.+".contains(&byte);
        if part.is_empty() || !part.bytes().all(plain) {
            return wrong(
                "expected letters, digits, '_', '-', '.' and '+', with '/' between folders",
            );
        }
        if part.starts_with('.') || part.ends_with('.') {
            return wrong("a part begins or ends with '.'");
        }
        let stem = part.split('.').next().unwrap_or_default().to_ascii_lowercase();
        let numbered = |device: &str| {
            let number = stem.strip_prefix(device);
            number.is_some_and(|n| n.len() == 1 && n.bytes().all(|byte| byte.is_ascii_digit()))
        };
        if DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt") {
            return wrong("a name that Windows keeps for a device");
        }
    }
    Ok(())
}

/// Whether no two of these mean the same file, or one a folder that is another's file, on a system that
/// takes `A` for `a`.
pub(crate) fn check_all<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<(), String> {
    let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
    for path in paths {
        check(path)?;
        let lower = path.to_ascii_lowercase();
        for (place, _) in lower.match_indices('/') {
            folders.insert(lower[..place].to_owned());
        }
        if !files.insert(lower) {
            return Err(format!("the path {path:?} is there twice, but for upper and lower case"));
        }
    }
    match files.intersection(&folders).next() {
        Some(both) => Err(format!("the path {both:?} is a file and a folder")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside_and_mean_one_file() {
        for good in
            ["drs.toml", "models/s025.onnx", "native/x86_64-unknown-linux-gnu/libx.so", "a+b"]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "a/",
            "a//b",
            "..",
            "../a",
            "a/../b",
            "a/./b",
            ".hidden",
            "a.",
            "a\\b",
            "C:a",
            "a:b",
            "a b",
            "ä",
            "a\0b",
            "con",
            "NUL.txt",
            "models/COM1.onnx",
            "~",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check(&"a/".repeat(101)).is_err());
        assert_eq!(check_all(["a", "b/a", "b/c"]), Ok(()));
        for bad in [["a", "A"], ["b/a", "B/a"], ["a", "a/b"], ["A/b", "a"]] {
            assert!(check_all(bad).is_err(), "{bad:?}");
        }
    }
}
