//! What votes are for.

use std::collections::HashSet;

use drs_plugins_api::{Error, ErrorKind};

use super::draws::Plan;
use super::{Shortfall, fail, skip, told};
use crate::expert::{Expert, NO_VOTE};
use crate::lab::Lab;
use crate::report::Measure;

pub(super) fn within_the_classes(
    lab: &Lab<'_>,
    measured: &mut Vec<Measure>,
) -> Result<(), Shortfall> {
    let seen: HashSet<u32> = lab.reference.iter().copied().collect();
    // One class only would mean that the other cases show little.
    measured.push(Measure { name: "classes seen".into(), value: seen.len() as f64 });
    let classes = lab.manifest.classes.len();
    if let Some(row) = lab.reference.iter().position(|&vote| vote as usize >= classes) {
        let seen = match lab.reference[row] {
            NO_VOTE => format!("no vote for input {row}"),
            vote => format!("a vote for class {vote} (input {row})"),
        };
        return Err(fail(seen, format!("an index below {classes}")));
    }
    // The host's room for votes may be larger than the batch; and behind that nothing is a
    // plugin's either.
    let expert = lab.open()?;
    let mut votes = vec![NO_VOTE; lab.batch + 3 + 61];
    expert.vote_into(lab.batch(0).0, lab.batch, &mut votes[..lab.batch + 3])?;
    match votes[lab.batch..].iter().find(|&&vote| vote != NO_VOTE) {
        Some(vote) => Err(fail(format!("{vote} written behind the votes"), "nothing there")),
        None => Ok(()),
    }
}

pub(super) fn ties(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    let Some((config, lowest)) = &lab.subject.ties else {
        return Err(skip("no model whose outputs tie was given"));
    };
    let expert = Expert::open(lab.subject, config, lab.subject.shape)?;
    for answer in answers(lab, &expert) {
        let votes = answer?;
        if let Some(vote) = votes.iter().find(|vote| *vote != lowest) {
            return Err(fail(format!("a vote for class {vote}"), format!("class {lowest}")));
        }
    }
    Ok(())
}

pub(super) fn not_finite(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    let Some(config) = &lab.subject.non_finite else {
        return Err(skip("no model whose output is not finite was given"));
    };
    let expected = "an error of kind NonFinite";
    let right = |error: &Error| match error.kind() {
        ErrorKind::NonFinite => Ok(()),
        _ => Err(fail(told(error), expected)),
    };
    let expert = match Expert::open(lab.subject, config, lab.subject.shape) {
        Ok(expert) => expert,
        // A plugin may find out before the first vote.
        Err(error) => return right(&error),
    };
    for answer in answers(lab, &expert) {
        match answer {
            Ok(votes) => return Err(fail(format!("a vote for class {}", votes[0]), expected)),
            Err(error) => right(&error)?,
        }
    }
    Ok(())
}

/// What an expert says to a full batch, to one input, and to draws if it makes them.
fn answers(lab: &Lab<'_>, expert: &Expert) -> Vec<Result<Vec<u32>, Error>> {
    let (batch, _) = lab.batch(0);
    let mut answers = vec![expert.vote(batch, lab.batch), expert.vote(batch, 1)];
    if lab.draws() {
        answers.push(Plan::new(lab).draw(lab, expert));
    }
    answers
}
