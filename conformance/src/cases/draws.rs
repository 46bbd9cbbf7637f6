//! Noise that the plugin draws itself.

use drs_core::noise::NoiseStream;
use drs_plugins_api::abi::{AbiNoiseTable, AbiSegment};
use drs_plugins_api::{DRAWS, Error};

use super::errors::batch_error;
use super::history::at_once;
use super::{Shortfall, same_votes, skip};
use crate::expert::{Expert, NO_VOTE};
use crate::lab::Lab;
use crate::noise::{Noise, stream};
use crate::report::Measure;

/// Starts of the draws: a first one that is not 0, and one that crosses 2³¹
/// draws, where the nonce grows a word.
const STARTS: [u64; 2] = [3, (1 << 31) - 2];
/// Other inputs and streams that are tried.
const PLANS: usize = 4;

/// Draws of two inputs and keys in one padded batch.
pub(super) struct Plan {
    inputs: [Vec<i16>; 2],
    streams: [NoiseStream; 2],
    rows: [usize; 2],
    padded_rows: usize,
}

impl Plan {
    pub(super) fn new(lab: &Lab<'_>) -> Self {
        Self::numbered(lab, 0)
    }

    fn numbered(lab: &Lab<'_>, number: usize) -> Self {
        // At least two draws each and a row of padding.
        let padded_rows = lab.batch.max(5);
        let first = padded_rows / 2;
        let numbers = [2 * number, 2 * number + 1];
        Self {
            inputs: numbers.map(|number| lab.clean(number)),
            streams: numbers.map(stream),
            rows: [first, padded_rows - first - 1],
            padded_rows,
        }
    }

    fn segments(&self) -> [AbiSegment<'_>; 2] {
        [0, 1].map(|i| AbiSegment {
            input: self.inputs[i].as_slice().into(),
            key: self.streams[i].key(),
            first: STARTS[i],
            rows: self.rows[i],
        })
    }

    fn count(&self) -> usize {
        self.rows.iter().sum()
    }

    pub(super) fn draw(&self, lab: &Lab<'_>, expert: &Expert) -> Result<Vec<u32>, Error> {
        let mut votes = vec![NO_VOTE; self.count()];
        let segments = self.segments();
        expert.draw_into(lab.noise.abi(), &segments, self.padded_rows, &mut votes)?;
        Ok(votes)
    }

    /// The same batch as the host would send it.
    fn vote(&self, lab: &Lab<'_>, expert: &Expert) -> Result<Vec<u32>, Error> {
        let mut batch = Vec::new();
        for i in [0, 1] {
            for draw in (STARTS[i]..).take(self.rows[i]) {
                batch.extend(lab.noise.noisy(&self.streams[i], draw, &self.inputs[i]));
            }
        }
        batch.resize(self.padded_rows * lab.values(), 0);
        expert.vote(&batch, self.count())
    }
}

pub(super) fn the_host_s_integers(
    lab: &Lab<'_>,
    measured: &mut Vec<Measure>,
) -> Result<(), Shortfall> {
    needs_draws(lab)?;
    // Two of them: what one remembers of voting must not show in its drawing.
    let (voting, drawing) = (lab.open()?, lab.open()?);
    for number in 0..PLANS {
        let plan = Plan::numbered(lab, number);
        let expected = plan.vote(lab, &voting)?;
        same_votes(&plan.draw(lab, &drawing)?, &expected, "where the plugin draws the noise")?;
    }
    let aimed = aimed_draws(lab, [&voting, &drawing])?;
    measured.push(Measure { name: "draws at an edge between classes".into(), value: aimed as f64 });
    Ok(())
}

/// Draws whose inputs are chosen so that the noise leads right to the edge
/// between two classes: one wrong step in one value may change the vote.
/// Returns how many.
fn aimed_draws(lab: &Lab<'_>, [voting, drawing]: [&Expert; 2]) -> Result<usize, Shortfall> {
    if lab.edges == 0 {
        return Ok(0);
    }
    let batches = lab.subject.rows.div_ceil(lab.batch);
    let stream = stream(0);
    for number in 0..batches {
        let rows = number..number + lab.batch;
        let targets: Vec<&[i16]> = rows.map(|row| lab.input(row % lab.edges)).collect();
        let expected = voting.vote(&targets.concat(), lab.batch)?;
        let start = (number * lab.batch) as u64;
        let inputs: Vec<Vec<i16>> = (start..)
            .zip(&targets)
            .map(|(draw, target)| before_noise(&lab.noise, &stream, draw, target))
            .collect();
        let segments: Vec<AbiSegment<'_>> = (start..)
            .zip(&inputs)
            .map(|(first, input)| AbiSegment {
                input: input.as_slice().into(),
                key: stream.key(),
                first,
                rows: 1,
            })
            .collect();
        let mut votes = vec![NO_VOTE; lab.batch];
        drawing.draw_into(lab.noise.abi(), &segments, lab.batch, &mut votes)?;
        same_votes(&votes, &expected, "where one step in the noise may change a vote")?;
    }
    Ok(batches * lab.batch)
}

/// The input that the noise of a draw turns into `target`.
fn before_noise(noise: &Noise, stream: &NoiseStream, draw: u64, target: &[i16]) -> Vec<i16> {
    let noise = noise.noisy(stream, draw, &vec![0; target.len()]);
    target.iter().zip(noise).map(|(target, noise)| target - noise).collect()
}

pub(super) fn threads(lab: &Lab<'_>, measured: &mut Vec<Measure>) -> Result<(), Shortfall> {
    needs_draws(lab)?;
    let one = lab.open()?;
    let plans: Vec<Plan> = (0..PLANS).map(|number| Plan::numbered(lab, number)).collect();
    let alone: Vec<Vec<u32>> =
        plans.iter().map(|plan| plan.draw(lab, &one)).collect::<Result<_, _>>()?;
    drop(one);
    // A new one, so that all threads meet its first call.
    let expert = lab.open()?;
    at_once(lab, measured, |number| {
        let number = number % PLANS;
        let found = plans[number].draw(lab, &expert)?;
        same_votes(&found, &alone[number], "with other calls at the same time")
    })
}

pub(super) fn wrong(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    needs_draws(lab)?;
    let expert = lab.open()?;
    let plans = [0, 1].map(|number| Plan::numbered(lab, number));
    let [plan, second] = &plans;
    let before = [plan.draw(lab, &expert)?, second.draw(lab, &expert)?];
    let long = vec![0; lab.values() + 1];
    let table = || lab.noise.abi();
    let short_table = || AbiNoiseTable { cells: [0].as_slice().into(), ..table() };
    let segments = || plan.segments();
    let long_input = || segments().map(|s| AbiSegment { input: long.as_slice().into(), ..s });
    let endless = || segments().map(|s| AbiSegment { rows: usize::MAX, ..s });
    let (rows, padded) = (plan.count(), plan.padded_rows);
    // What is wrong, table, segments, padded rows and room for votes.
    let wrong = [
        ("a noise table of one cell", short_table(), segments(), padded, rows),
        ("an input of another size", table(), long_input(), padded, rows),
        ("more draws than the batch has rows", table(), segments(), rows - 1, rows),
        ("more draws than can be counted", table(), endless(), padded, rows),
        ("too little room for votes", table(), segments(), padded, rows - 1),
    ];
    for (number, (what, noise, segments, padded, room)) in wrong.into_iter().enumerate() {
        let answer = expert.draw_into(noise, &segments, padded, &mut vec![NO_VOTE; room]);
        batch_error(answer, what)?;
        let when = format!("after an error ({what})");
        let number = number % plans.len();
        same_votes(&plans[number].draw(lab, &expert)?, &before[number], &when)?;
    }
    Ok(())
}

fn needs_draws(lab: &Lab<'_>) -> Result<(), Shortfall> {
    if lab.draws() {
        return Ok(());
    }
    Err(skip(format!("the manifest does not name the capability \"{DRAWS}\"")))
}
