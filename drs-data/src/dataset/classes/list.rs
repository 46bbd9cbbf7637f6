//! Lists of names in messages, short enough to read.

const SHOWN: usize = 6;

/// The first few, and how many there are if not all are shown.
pub(in crate::dataset) fn some<T: AsRef<str>>(names: &[T]) -> String {
    shortened(names.iter().map(|name| name.as_ref().to_owned()), names.len())
}

/// The same, each in quotation marks.
pub(super) fn quoted<T: AsRef<str>>(names: &[T]) -> String {
    shortened(names.iter().map(|name| format!("\"{}\"", name.as_ref())), names.len())
}

fn shortened(names: impl Iterator<Item = String>, count: usize) -> String {
    let shown: Vec<String> = names.take(SHOWN).collect();
    let shown = shown.join(", ");
    if count > SHOWN { format!("{shown}, … ({count} in all)") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_shortened_and_counted() {
        assert_eq!(quoted(&["a", "b"]), "\"a\", \"b\"");
        let many: Vec<String> = (0..1000).map(|i| i.to_string()).collect();
        assert_eq!(some(&many), "0, 1, 2, 3, 4, 5, … (1000 in all)");
        assert_eq!(some(&many[..6]), "0, 1, 2, 3, 4, 5");
    }
}
