//! Text from outside (records, models, files), made fit to be shown.

use std::borrow::Cow;

/// The text on one line, without anything that a terminal or a reader could take for something
/// else: control characters, line ends and marks that change the direction of writing are written
/// as `\u{1b}`, `\n` and the like.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_misleading) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_misleading(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// The same of a text of several lines. Its line ends stay, and every line but the first is
/// indented: none can pass for a line of its own.
#[must_use]
pub fn printable_lines(text: &str) -> String {
    let lines = text.trim_end_matches('\n').split('\n').enumerate();
    let line = |(place, line): (usize, &str)| {
        let indent = if place == 0 || line.starts_with("  ") { "" } else { "  " };
        format!("{indent}{}", printable(line))
    };
    lines.map(line).collect::<Vec<_>>().join("\n")
}

/// "1 record", "2 records".
#[must_use]
pub fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// Whether a model may have this name: it stands in noise addresses, columns and `one:NAME`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

fn is_misleading(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Ends of lines and paragraphs.
            '\u{2028}' | '\u{2029}'
            // Directions of writing.
            | '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Nothing to see: a blank without width, a byte-order mark, tags.
            | '\u{200b}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_misleads_is_written_out() {
        assert_eq!(printable("σ = 0.25 größer, 猫 🙂"), "σ = 0.25 größer, 猫 🙂");
        assert_eq!(printable("a\u{1b}[31m\r\nb\tc"), "a\\u{1b}[31m\\r\\nb\\tc");
        assert_eq!(printable("\u{9b}\u{7f}\u{202e}\u{2028}"), "\\u{9b}\\u{7f}\\u{202e}\\u{2028}");
    }

    #[test]
    fn no_line_passes_for_another() {
        assert_eq!(printable_lines("a\nb\n  - c\u{7}\n"), "a\n  b\n  - c\\u{7}");
    }

    #[test]
    fn names_are_letters_digits_and_little_else() {
        assert!(is_name("s0.25_a-B") && !is_name(""));
        for name in ["a b", "a\n", "é", "a/b", "<a>", "=a"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
