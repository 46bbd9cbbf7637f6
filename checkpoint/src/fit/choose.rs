//! Which of several sets of weights is meant.

use crate::Checkpoint;
use crate::error::shown;

use super::Needs;
use super::candidate::{Candidate, distinct};

/// The one that is meant, and what the user should know of the choice.
pub(super) fn one<'c, 'a>(
    checkpoint: &Checkpoint,
    found: &'c [Candidate<'a>],
    needs: Needs<'_>,
    weights: Option<&str>,
) -> Result<(&'c Candidate<'a>, Vec<String>), String> {
    let all: Vec<&Candidate<'a>> = found.iter().collect();
    let Some(weights) = weights else {
        let (chosen, note) = by_default(&distinct(&all, needs), "")?;
        let unread = unread(checkpoint, found, chosen);
        return Ok((chosen, note.into_iter().chain(unread).collect()));
    };
    let named: Vec<&Candidate<'a>> =
        all.iter().copied().filter(|candidate| is_called(candidate, weights)).collect();
    let meant = match weights {
        _ if !named.is_empty() => named,
        "ema" => all.iter().copied().filter(|candidate| is_averaged(candidate)).collect(),
        "raw" => all.iter().copied().filter(|candidate| !is_averaged(candidate)).collect(),
        _ => Vec::new(),
    };
    if meant.is_empty() {
        return Err(format!(
            "weights: \"{weights}\" found, but {} {}",
            match distinct(&all, needs).as_slice() {
                [_] => "the only weights that fit are",
                _ => "the weights that fit are",
            },
            names(&distinct(&all, needs))
        ));
    }
    let (chosen, note) = by_default(&distinct(&meant, needs), weights)?;
    Ok((chosen, note.into_iter().collect()))
}

/// The only one; or of several the averaged ones, with a note.
fn by_default<'c, 'a>(
    distinct: &[&'c Candidate<'a>],
    weights: &str,
) -> Result<(&'c Candidate<'a>, Option<String>), String> {
    if let [only] = distinct {
        return Ok((only, None));
    }
    let of = if weights.is_empty() { String::new() } else { format!(" of \"{weights}\"") };
    let averaged: Vec<_> = distinct.iter().filter(|candidate| is_averaged(candidate)).collect();
    let [averaged] = averaged.as_slice() else {
        return Err(format!(
            "the file holds several sets of weights{of}: {}; say in the config which is meant, as in weights = \"{}\"",
            names(distinct),
            distinct.iter().map(|c| c.name()).find(|name| !name.is_empty()).unwrap_or_default()
        ));
    };
    let note = format!(
        "the file holds several sets of weights{of}: {}; the averaged ones, \"{}\", are used: published figures are about them. weights = \"ema\", weights = \"raw\" or one of the names in the config says which",
        names(distinct),
        averaged.name()
    );
    Ok((averaged, Some(note)))
}

/// Averaged weights of which nothing could be used, so that others are.
fn unread(
    checkpoint: &Checkpoint,
    found: &[Candidate<'_>],
    chosen: &Candidate<'_>,
) -> Option<String> {
    if is_averaged(chosen) {
        return None;
    }
    let mut keys = checkpoint.sets.iter().map(|set| set.key.as_str());
    let key =
        keys.find(|key| means_average(key) && found.iter().all(|candidate| candidate.key != *key))?;
    Some(format!(
        "the averaged weights under '{}' are not a whole set for this network; \"{}\" are used",
        shown(key),
        chosen.name()
    ))
}

fn is_called(candidate: &Candidate<'_>, weights: &str) -> bool {
    let weights = weights.trim_end_matches('.');
    let within = |name: &str| {
        name.strip_prefix(weights).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    !weights.is_empty() && (within(&candidate.name()) || within(candidate.prefix))
}

fn is_averaged(candidate: &Candidate<'_>) -> bool {
    means_average(&candidate.name())
}

/// Whether a name speaks of averaged weights. In whole words: "schema" does not.
fn means_average(name: &str) -> bool {
    let name = name.to_lowercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| ["ema", "swa", "avg", "average", "averaged", "shadow"].contains(&word))
}

fn names(candidates: &[&Candidate<'_>]) -> String {
    let name = |candidate: &&Candidate<'_>| match candidate.name() {
        name if name.is_empty() => "the file itself".to_owned(),
        name => format!("\"{name}\""),
    };
    let names: Vec<String> = candidates.iter().map(name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_told_by_whole_words() {
        for name in ["ema", "state_dict_ema", "ema_state_dict", "model-EMA", "ema.model", "swa"] {
            assert!(means_average(name), "{name}");
        }
        for name in ["", "schema", "semantic", "state_dict", "model.backbone", "remat"] {
            assert!(!means_average(name), "{name}");
        }
    }
}
