//! Text from outside, as it may stand in each kind of file.

use std::borrow::Cow;

use drs_core::text::printable;

/// For LaTeX.
pub(crate) fn latex(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in printable(text).chars() {
        match character {
            '%' | '_' | '&' | '#' | '$' | '{' | '}' => escaped.extend(['\\', character]),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '–' => escaped.push_str("--"),
            '≥' => escaped.push_str("$\\geq$"),
            '≤' => escaped.push_str("$\\leq$"),
            '−' => escaped.push_str("$-$"),
            'σ' => escaped.push_str("$\\sigma$"),
            // In LaTeX's usual encoding these two print as ¡ and ¿.
            '<' | '>' => escaped.extend(['$', character, '$']),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// For an element of HTML, or an attribute in double quotes.
pub(crate) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in printable(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// For a cell of a table in Markdown.
pub(crate) fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in printable(text).chars() {
        if "\\|<`![]".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// For a text cell of a CSV file: a spreadsheet must not take it for a formula.
#[must_use]
pub fn csv_text(text: &str) -> Cow<'_, str> {
    let shown = printable(text);
    // Some take it for one behind blanks, or in full width.
    let first = shown.trim_start();
    if first.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) {
        Cow::Owned(format!("'{shown}"))
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "=a|<b>`\n\u{1b}[2J\\x\"";

    #[test]
    fn each_kind_of_file_gets_its_own() {
        assert_eq!(markdown(HOSTILE), "=a\\|\\<b>\\`\\\\n\\\\u{1b}\\[2J\\\\x\"");
        assert_eq!(html(HOSTILE), "=a|&lt;b&gt;`\\n\\u{1b}[2J\\x&quot;");
        let escape = "\\textbackslash{}";
        assert_eq!(
            latex(HOSTILE),
            format!("=a|$<$b$>$`{escape}n{escape}u\\{{1b\\}}[2J{escape}x\"")
        );
        assert_eq!(csv_text(HOSTILE), "'=a|<b>`\\n\\u{1b}[2J\\x\"");
        assert_eq!(csv_text(" =1"), "' =1");
        assert_eq!(csv_text("s025"), "s025");
    }
}
