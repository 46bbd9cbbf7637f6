//! What should not come.

use drs_plugins_api::{Error, ErrorKind};

use super::{Shortfall, fail, told};
use crate::expert::NO_VOTE;
use crate::lab::Lab;
use crate::report::Measure;

/// That an answer is an error of kind Batch.
pub(super) fn batch_error(answer: Result<(), Error>, what: &str) -> Result<(), Shortfall> {
    let expected = "an error of kind Batch";
    match answer {
        Err(error) if error.kind() == ErrorKind::Batch => Ok(()),
        Err(error) => Err(fail(format!("{} for {what}", told(&error)), expected)),
        Ok(()) => Err(fail(format!("votes for {what}"), expected)),
    }
}

pub(super) fn wrong_batches(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    let expert = lab.open()?;
    let (batch, _) = lab.batch(0);
    let all = batch.len();
    // What is wrong, values, rows and room for votes.
    let table = [
        ("half an input too much", all - lab.values() + lab.values().div_ceil(2), 1, 1),
        ("fewer inputs than rows", all, lab.batch + 1, lab.batch + 1),
        ("one row and no input", 0, 1, 1),
        ("more rows than can be counted", all, usize::MAX, lab.batch),
        ("too little room for votes", all, lab.batch, lab.batch - 1),
    ];
    for (number, (what, values, rows, room)) in table.into_iter().enumerate() {
        // An input of one value has no half.
        if values % lab.values() == 0 && what.starts_with("half") {
            continue;
        }
        let mut votes = vec![NO_VOTE; room];
        batch_error(expert.vote_into(&batch[..values], rows, &mut votes), what)?;
        lab.votes_as_ever(&expert, number, &format!("after an error ({what})"))?;
    }
    Ok(())
}

pub(super) fn no_rows(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    let expert = lab.open()?;
    let (batch, _) = lab.batch(0);
    for (number, batch) in [batch, &[]].into_iter().enumerate() {
        let mut votes = [NO_VOTE; 2];
        let size = batch.len() / lab.values();
        no_panic(expert.vote_into(batch, 0, &mut votes), &format!("0 of {size} rows"))?;
        if votes != [NO_VOTE; 2] {
            return Err(fail(format!("votes {votes:?} for 0 of {size} rows"), "none"));
        }
        lab.votes_as_ever(&expert, number + 1, "after a batch without rows")?;
    }
    Ok(())
}

pub(super) fn extremes(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    let expert = lab.open()?;
    let classes = lab.manifest.classes.len();
    for value in [i16::MIN, i16::MAX] {
        let what = format!("a batch of {value}");
        match expert.vote(&vec![value; lab.batch * lab.values()], lab.batch) {
            Ok(votes) => {
                if let Some(vote) = votes.iter().find(|&&vote| vote as usize >= classes) {
                    let seen = format!("a vote for class {vote} for {what}");
                    return Err(fail(seen, format!("an index below {classes}")));
                }
            }
            error => no_panic(error.map(drop), &what)?,
        }
    }
    Ok(())
}

/// That an answer is no panic.
pub(super) fn no_panic(answer: Result<(), Error>, what: &str) -> Result<(), Shortfall> {
    match answer {
        Err(error) if error.kind() == ErrorKind::Panic => {
            Err(fail(format!("{} for {what}", told(&error)), "no panic"))
        }
        _ => Ok(()),
    }
}
