//! Questions to whoever sits at the terminal.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;

/// Whether somebody sits there.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Whether they say yes; no is what an empty line means.
pub(crate) fn yes(question: &str) -> anyhow::Result<bool> {
    Ok(matches!(line(&format!("{question} [y/N] "))?.to_lowercase().as_str(), "y" | "yes"))
}

/// A line that is typed.
pub(crate) fn line(question: &str) -> anyhow::Result<String> {
    let mut out = std::io::stderr();
    out.write_all(question.as_bytes()).and_then(|()| out.flush()).context("the terminal")?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("the terminal")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
