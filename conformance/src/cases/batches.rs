//! What else is in the batch.

use std::ops::Range;

use super::{Shortfall, fail, same_votes};
use crate::lab::Lab;
use crate::report::Measure;

/// Batches that the costlier cases try.
const BATCHES: usize = 2;

pub(super) fn size(lab: &Lab<'_>, measured: &mut Vec<Measure>) -> Result<(), Shortfall> {
    let sizes = [1, 2, 7, lab.batch, lab.batch + 1, lab.reference.len()];
    let voted = sizes.map(|size| Ok((size, lab.votes_in_batches_of(&lab.open()?, size)?)));
    let voted: Vec<_> = voted.into_iter().collect::<Result<_, Shortfall>>()?;
    let edges = Difference::worst(lab, &voted, 0..lab.edges);
    let noisy = Difference::worst(lab, &voted, lab.edges..lab.reference.len());
    measured.push(Measure { name: "share of votes that differ".into(), value: noisy.share });
    measured.push(Measure { name: "share at edges between classes".into(), value: edges.share });
    let tolerance = lab.subject.tolerance.max(lab.manifest.tolerance);
    noisy.within(tolerance)?;
    // Edges are no fair sample; but who tolerates nothing means them too.
    if tolerance == 0.0 { edges.within(tolerance) } else { Ok(()) }
}

/// Votes that differ from those at the host's batch size.
struct Difference {
    size: usize,
    share: f64,
}

impl Difference {
    /// That of the size where most votes in `rows` differ.
    fn worst(lab: &Lab<'_>, voted: &[(usize, Vec<u32>)], rows: Range<usize>) -> Self {
        let expected = &lab.reference[rows.clone()];
        let differing = |votes: &[u32]| votes.iter().zip(expected).filter(|(a, b)| a != b).count();
        let counts = voted.iter().map(|(size, votes)| (differing(&votes[rows.clone()]), *size));
        let (count, size) = counts.max().unwrap_or((0, lab.batch));
        Self { size, share: count as f64 / expected.len().max(1) as f64 }
    }

    fn within(&self, tolerance: f64) -> Result<(), Shortfall> {
        if self.share <= tolerance {
            return Ok(());
        }
        let seen =
            format!("a share of {} of votes differs in batches of {}", self.share, self.size);
        Err(fail(seen, format!("at most {tolerance}")))
    }
}

/// That votes are the same, but for the share that the manifest allows.
fn alike(lab: &Lab<'_>, found: &[u32], expected: &[u32], when: &str) -> Result<(), Shortfall> {
    let differing =
        found.iter().zip(expected).filter(|(found, expected)| found != expected).count();
    let allowed = (lab.manifest.tolerance * found.len() as f64).ceil();
    if differing as f64 <= allowed { Ok(()) } else { same_votes(found, expected, when) }
}

/// A batch; where some votes may change, none of inputs at edges, which are no fair sample.
fn fair_batch<'l>(lab: &'l Lab<'_>, number: usize) -> (&'l [i16], &'l [u32]) {
    let edges = lab.edges > 0 && lab.manifest.tolerance > 0.0;
    lab.batch(number + usize::from(edges))
}

pub(super) fn partial(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    lab.needs_company()?;
    let expert = lab.open()?;
    let counts = [1, 2, lab.batch / 2, lab.batch - 1];
    for (number, rows) in counts.into_iter().enumerate() {
        let (batch, votes) = fair_batch(lab, number);
        let mut padded = batch.to_vec();
        padded[rows * lab.values()..].fill(0);
        let when = format!("where {rows} of {} rows count", lab.batch);
        alike(lab, &expert.vote(&padded, rows)?, &votes[..rows], &when)?;
    }
    Ok(())
}

pub(super) fn padding(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    lab.needs_company()?;
    let expert = lab.open()?;
    let rows = lab.batch.div_ceil(2);
    for number in 0..lab.batches().min(BATCHES) {
        let mut padded = fair_batch(lab, number).0.to_vec();
        padded[rows * lab.values()..].fill(0);
        let votes = expert.vote(&padded, rows)?;
        for garbage in [i16::MIN, i16::MAX, -1] {
            padded[rows * lab.values()..].fill(garbage);
            let when = format!("where the padding holds {garbage}");
            alike(lab, &expert.vote(&padded, rows)?, &votes, &when)?;
        }
    }
    Ok(())
}

pub(super) fn place(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    lab.needs_company()?;
    let expert = lab.open()?;
    for number in 0..lab.batches().min(BATCHES) {
        for by in [1, lab.batch / 2, lab.batch - 1] {
            let (batch, votes) = fair_batch(lab, number);
            let (mut batch, mut votes) = (batch.to_vec(), votes.to_vec());
            batch.rotate_left(by * lab.values());
            votes.rotate_left(by);
            let when = format!("where inputs stand {by} places further up");
            alike(lab, &expert.vote(&batch, lab.batch)?, &votes, &when)?;
        }
    }
    Ok(())
}

pub(super) fn neighbours(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    lab.needs_company()?;
    let values = lab.values();
    let uniform = |value: i16| vec![value; values];
    let stripes = (0..values).map(|i| if i % 2 == 0 { i16::MIN } else { i16::MAX }).collect();
    let mut kinds = vec![uniform(0), uniform(i16::MIN), uniform(i16::MAX), stripes];
    // Inputs that get no vote by themselves are for another case; asked of an
    // expert of their own, so that this case starts without history.
    let other = lab.open()?;
    kinds.retain(|kind| other.vote(&kind.repeat(lab.batch), lab.batch).is_ok());
    drop(other);
    let expert = lab.open()?;
    for number in 0..lab.batches().min(BATCHES) {
        let (batch, votes) = fair_batch(lab, number);
        for (kind, kept) in kinds.iter().flat_map(|kind| [(kind, 0), (kind, 1)]) {
            let mut mixed = batch.to_vec();
            for (row, input) in mixed.chunks_exact_mut(values).enumerate() {
                if row % 2 != kept {
                    input.copy_from_slice(kind);
                }
            }
            let every_other = |votes: &[u32]| -> Vec<u32> {
                votes.iter().skip(kept).step_by(2).copied().collect()
            };
            let found = expert.vote(&mixed, lab.batch)?;
            let when = format!("beside inputs of {}", kind[0]);
            alike(lab, &every_other(&found), &every_other(votes), &when)?;
        }
    }
    Ok(())
}
