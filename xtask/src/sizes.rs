//! Files stay small enough to be read at one sitting.

use std::path::Path;
use std::process::Command;

use crate::printed;

/// Lines that a file may have.
const MOST: usize = 400;
/// In the command line, which is glue.
const MOST_IN_CLI: usize = 250;
/// A longer file says why in one of its first lines, with this word.
const REASON: &str = "Long, ";
const FIRST: usize = 10;

const ENDINGS: [&str; 8] = [".rs", ".py", ".sh", ".cpp", ".js", ".css", ".html", ".mjs"];

/// Fails where a file under version control is longer than it may be.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let names = printed(Command::new("git").args(["ls-files", "-z"]).current_dir(root))?;
    let written = |name: &&str| ENDINGS.iter().any(|ending| name.ends_with(ending));
    let mut problems = String::new();
    for name in names.split('\0').filter(written) {
        // What was removed, but is not committed yet, is not there.
        let Ok(text) = std::fs::read_to_string(root.join(name)) else { continue };
        if let Some(problem) = problem(name, &text) {
            problems = problems + &problem + "\n";
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn problem(name: &str, text: &str) -> Option<String> {
    let most = if name.starts_with("cli/src/") { MOST_IN_CLI } else { MOST };
    let lines = text.lines().count();
    let excused = most == MOST && text.lines().take(FIRST).any(|line| line.contains(REASON));
    (lines > most && !excused).then(|| {
        format!(
            "{name}: {lines} lines found, expected at most {most}: give concepts files of their own"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_named_unless_they_say_why() {
        let lines = |count: usize| "//\n".repeat(count);
        assert_eq!(problem("a/src/lib.rs", &lines(400)), None);
        assert!(problem("a/src/lib.rs", &lines(401)).unwrap().contains("401 lines found"));
        let excused = format!("//! Long, since it is one table.\n{}", lines(500));
        assert_eq!(problem("a/src/lib.rs", &excused), None);
        assert!(problem("cli/src/main.rs", &excused).is_some());
        assert!(problem("cli/src/main.rs", &lines(251)).is_some());
    }
}
