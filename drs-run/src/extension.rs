//! Whether a run that was begun may be continued, or extended, as what is asked for now.

use std::collections::HashSet;

use drs_analysis::Header;

use crate::error::{RunError, refuse};
use crate::paths::Paths;

/// The fields that say which inputs a run takes.
const SUBSET: [&str; 3] = ["start", "skip", "max"];

/// What stands behind fields that hold only a digest.
const HINTS: [(&str, &str); 2] = [
    ("seed", "a digest of the number that --seed was given"),
    (
        "config_sha256",
        "a digest of the model's config in experts.toml, in which device, batch and all other keys count as they are written",
    ),
];

/// How many differences are listed.
const LISTED: usize = 8;

/// Makes `header` that of the run that was `begun`, and more inputs if it asks for more. Refuses to
/// mix results of two runs. Tells how many inputs the run had if it is extended.
pub(crate) fn go_on(
    begun: &Header,
    header: &mut Header,
    paths: &Paths,
) -> Result<Option<usize>, RunError> {
    let differences = begun.differences(header);
    let subset_only = differences.iter().all(|(field, ..)| SUBSET.contains(&field.as_str()));
    let mut hint = String::new();
    if subset_only {
        let asked: HashSet<usize> = header.indices().into_iter().collect();
        let before = begun.indices();
        let lost: Vec<usize> =
            before.iter().copied().filter(|index| !asked.contains(index)).collect();
        let Some(first) = lost.first() else {
            header.data.complete(&begun.data);
            return Ok((!differences.is_empty()).then_some(before.len()));
        };
        hint = format!(
            "\na run may be extended, but of its {} inputs those asked for lack {} (such as {first}){}",
            before.len(),
            lost.len(),
            match header.shard {
                Some(_) => "; shards can be extended by a larger --max alone",
                None => "",
            }
        );
    }
    let list: String = differences
        .iter()
        .take(LISTED)
        .map(|(field, found, expected)| format!("\n  {field}: {found} there, {expected} asked for"))
        .collect();
    for (field, told) in HINTS {
        if differences.iter().any(|(path, ..)| path.ends_with(field)) {
            hint += &format!("\n({field} is {told})");
        }
    }
    let more = differences.len().saturating_sub(LISTED);
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    refuse!(
        "{} exists and has results of another run; give another --out, or --overwrite to replace it. {} tells:{list}{more}{hint}",
        paths.table.display(),
        paths.run.display()
    )
}
