//! The parts of data sets, and the names that they go by.

/// Names under which a part is kept, the asked one first: `val` is `validation` on the hub.
pub(super) fn names(split: &str) -> Vec<&str> {
    const VALIDATION: [&str; 4] = ["val", "valid", "validation", "dev"];
    let others = if VALIDATION.contains(&split) { &VALIDATION[..] } else { &[] };
    std::iter::once(split).chain(others.iter().copied().filter(|name| *name != split)).collect()
}

/// What is said where a part is not there; `found` are those that are.
pub(super) fn absent(split: &str, found: &[String]) -> String {
    format!("no split {split}, found {}: choose one with --split", found.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validation_has_many_names() {
        assert_eq!(names("test"), ["test"]);
        assert_eq!(names("validation"), ["validation", "val", "valid", "dev"]);
        assert_eq!(names("val"), ["val", "valid", "validation", "dev"]);
    }
}
