//! Whether votes depend on their own input alone, tried while a model runs.
//!
//! Certificates rest on that. A model exported in training mode, a scale taken over the batch,
//! or a cache breaks it without any other sign. So a batch is now and then run again: about half
//! of its rows stay and stand in other places, one other input takes the places of the rest, and
//! the padding holds something else. The votes of the rows that stay must be what they were.
//! Between the two runs a batch is run whose votes are known from the opening: models that
//! change with what came before, or over time, vote otherwise on the one or the other.
//!
//! This is done with known inputs when a model is opened, with the first batch of a run, and with
//! every [`EVERY`]th; what it costs is two batches in that many. At the end of a run the known
//! inputs are tried once more, so that a model that has changed by then is found.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use drs_core::bounds;
use drs_core::lattice::{Digest, LatticeInput};
use drs_core::noise::{NoiseStream, Seed};
use drs_core::pattern;
use drs_core::units::Alpha;

use super::EngineError;
use super::voter::{Draws, Voter};

/// One batch in so many is run again.
pub(super) const EVERY: u64 = 1024;

/// Known inputs at the least, however small the batches are: a few votes tell nothing.
const KNOWN: usize = 32;

/// How often more votes may change than the plugin allows for, if just so many do by chance.
const CHANCE: f64 = 1e-6;

/// What the padding holds; the second one every other time.
const PADDING: [i16; 2] = [i16::MAX, i16::MIN];

const ELSEWHERE: &str = "in other places, beside other inputs and other padding";
const LATER: &str = "later, after other batches";

/// A model's trials so far.
pub(super) struct Steadiness {
    /// Batches from one trial to the next.
    pub(super) every: AtomicU64,
    /// Batches so far.
    batches: AtomicU64,
    /// Batches whose votes are known; none if the model would not vote on them.
    known: OnceLock<Vec<Known>>,
    /// Votes that changed, and votes compared.
    tally: Mutex<(u64, u64)>,
    broken: OnceLock<EngineError>,
}

impl Default for Steadiness {
    fn default() -> Self {
        Self {
            every: AtomicU64::new(EVERY),
            batches: AtomicU64::new(0),
            known: OnceLock::new(),
            tally: Mutex::default(),
            broken: OnceLock::new(),
        }
    }
}

/// A full batch, one draw of each input.
struct Known {
    draws: Vec<Draws>,
    votes: Vec<u32>,
}

impl Steadiness {
    /// Tries the model on known inputs.
    ///
    /// What keeps it from voting on them is no reason to refuse it: that shows with inputs that
    /// matter, and is told with their names.
    pub(super) fn try_first(&self, voter: &Voter) -> Result<(), EngineError> {
        let mut known = Vec::new();
        for number in 0..KNOWN.div_ceil(voter.batch()) {
            let draws = known_draws(voter, number * voter.batch());
            let all: Vec<&Draws> = draws.iter().collect();
            let Ok(votes) = votes_of(voter, &all, 0) else { return Ok(()) };
            let company = draws.get(number % voter.batch());
            lenient(self.elsewhere(voter, &all, &votes, company, number as u64))?;
            known.push(Known { draws, votes });
        }
        // From the last to the first: each comes after others than before.
        known.iter().rev().try_for_each(|known| lenient(self.later(voter, known)))?;
        let _ = self.known.set(known);
        Ok(())
    }

    /// Where it is a batch's turn, runs its draws once more; `votes` are what it got.
    ///
    /// # Errors
    /// If votes depend on more than their own input, now or at an earlier batch, or the model
    /// fails on what it has answered before. Never [`EngineError::Lost`]: a process that is lost
    /// tells nothing of votes.
    pub(super) fn try_again(
        &self,
        voter: &Voter,
        draws: &[&Draws],
        votes: &[u32],
    ) -> Result<(), EngineError> {
        let batch = self.batches.fetch_add(1, Ordering::Relaxed);
        let every = self.every.load(Ordering::Relaxed);
        if batch.is_multiple_of(every) {
            let turn = batch / every;
            let all = self.known.get().map_or(&[][..], Vec::as_slice);
            // Another batch, and another of its inputs, each time.
            #[expect(clippy::cast_possible_truncation, reason = "any number will do")]
            let place = turn as usize;
            let known = (!all.is_empty()).then(|| &all[place % all.len()]);
            known.map_or(Ok(()), |known| lenient(self.later(voter, known)))?;
            let company = known.and_then(|known| known.draws.get(place % known.draws.len()));
            let rows: Vec<Draws> = draws.iter().flat_map(|draws| draws.one_by_one()).collect();
            lenient(self.elsewhere(voter, &rows.iter().collect::<Vec<_>>(), votes, company, turn))?;
        }
        self.unbroken()
    }

    /// Tries all known batches once more, if the model has run since it was opened: at the end of a
    /// run, for the batches since the last trial.
    pub(super) fn try_last(&self, voter: &Voter) -> Result<(), EngineError> {
        if self.batches.load(Ordering::Relaxed) > 0 {
            let all = self.known.get().map_or(&[][..], Vec::as_slice);
            all.iter().try_for_each(|known| lenient(self.later(voter, known)))?;
        }
        self.unbroken()
    }

    /// Whether no trial has failed so far.
    pub(super) fn unbroken(&self) -> Result<(), EngineError> {
        self.broken.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Runs some of the rows elsewhere in a batch, beside copies of `company`.
    fn elsewhere(
        &self,
        voter: &Voter,
        rows: &[&Draws],
        votes: &[u32],
        company: Option<&Draws>,
        turn: u64,
    ) -> Result<(), EngineError> {
        let key = |row: usize, what: &str| {
            let mut hash = DefaultHasher::new();
            (turn, row, what).hash(&mut hash);
            hash.finish()
        };
        // A row that is alone in its batch can only be run once more.
        let kept = rows.len().min(voter.batch().div_ceil(2));
        let others = company.map_or(0, |_| (voter.batch() - kept).div_ceil(2));
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&row| key(row, "kept"));
        order.truncate(kept);
        // Numbers beyond the rows stand for the company.
        order.extend(rows.len()..rows.len() + others);
        order.sort_by_key(|&row| key(row, "place"));
        let draws = order.iter().filter_map(|&row| rows.get(row).copied().or(company));
        let found = votes_of(voter, &draws.collect::<Vec<_>>(), turn)?;
        let pairs =
            order.iter().zip(found).filter_map(|(&row, vote)| Some((*votes.get(row)?, vote)));
        self.judge(voter, pairs, ELSEWHERE)
    }

    /// Runs a known batch once more.
    fn later(&self, voter: &Voter, known: &Known) -> Result<(), EngineError> {
        let found = votes_of(voter, &known.draws.iter().collect::<Vec<_>>(), 0)?;
        self.judge(voter, known.votes.iter().copied().zip(found), LATER)
    }

    /// Compares votes before and after.
    fn judge(
        &self,
        voter: &Voter,
        pairs: impl Iterator<Item = (u32, u32)>,
        how: &'static str,
    ) -> Result<(), EngineError> {
        let (mut changed, mut votes) = (0, 0);
        for (before, after) in pairs {
            changed += u64::from(before != after);
            votes += 1;
        }
        let tolerance = voter.tolerance();
        let all = {
            let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            *tally = (tally.0 + changed, tally.1 + votes);
            *tally
        };
        // Each trial by itself, and all of them: a little too much in each shows in the sum.
        let beyond = [(changed, votes), all].into_iter().find(|&(c, v)| is_beyond(c, v, tolerance));
        let Some((changed, votes)) = beyond else { return Ok(()) };
        let (model, plugin) = voter.names();
        let error = EngineError::Unsteady { model, plugin, changed, votes, how, tolerance };
        Err(self.broken.get_or_init(|| error).clone())
    }
}

/// A batch of patterns with noise. A stage without `/` is no certificate's: its noise is
/// nothing that a radius rests on.
fn known_draws(voter: &Voter, first: usize) -> Vec<Draws> {
    let (shape, quantum) = voter.inputs();
    let stream = NoiseStream::new(Seed::from_number(0), Digest::of(b"patterns"), "steadiness");
    let draw = |index: usize| {
        let values = pattern(index, shape.dims(), quantum.levels());
        let input = LatticeInput::new(shape, quantum, values).ok()?;
        let stream = stream.clone();
        Some(Draws { input: Arc::new(input), stream, first: index as u64, rows: 1 })
    };
    (first..first + voter.batch()).filter_map(draw).collect()
}

/// The votes of a batch that is made for it.
fn votes_of(voter: &Voter, draws: &[&Draws], turn: u64) -> Result<Vec<u32>, EngineError> {
    let padding = PADDING[usize::from(!turn.is_multiple_of(2))];
    let mut values = vec![padding; voter.length(draws)];
    voter.fill(&mut values, draws, &mut Vec::new());
    let mut votes = vec![0; draws.iter().map(|draws| draws.rows).sum()];
    voter.votes(&values, draws, &mut votes)?;
    Ok(votes)
}

impl Draws {
    /// The same draws, each by itself.
    fn one_by_one(&self) -> impl Iterator<Item = Self> {
        (self.first..).take(self.rows).map(|first| Self { first, rows: 1, ..self.clone() })
    }
}

/// Whether so many changed votes are more than the share that is allowed.
///
/// Where none may change, one is too many. Else this is the exact binomial test: were the share
/// no larger than that, so many or more would change less than once in a million trials.
fn is_beyond(changed: u64, votes: u64, tolerance: f64) -> bool {
    if changed == 0 || tolerance == 0.0 {
        return changed > 0;
    }
    let share = || changed as f64 / votes as f64;
    let chance = Alpha::new(CHANCE).ok();
    let least = chance.and_then(|chance| bounds::lower(changed, votes, chance).ok());
    least.unwrap_or_else(share) > tolerance
}

/// A trial in which the model's process was lost tells nothing.
fn lenient(outcome: Result<(), EngineError>) -> Result<(), EngineError> {
    match outcome {
        Err(EngineError::Lost { message, .. }) => {
            tracing::debug!("not tried whether votes depend on their input alone: {message}");
            Ok(())
        }
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_vote_is_too_many_where_none_is_allowed() {
        assert!(!is_beyond(0, 1000, 0.0));
        assert!(is_beyond(1, 1_000_000, 0.0));
        assert!(is_beyond(1, 1, 0.0));
    }

    #[test]
    fn a_share_that_is_allowed_is_exceeded_beyond_chance_only() {
        assert!(!is_beyond(0, 100, 0.01));
        // 10 are expected; P(X ≥ 28) = 1.9e-6, P(X ≥ 29) = 6.4e-7, summed as fractions.
        assert!(!is_beyond(28, 1000, 0.01));
        assert!(is_beyond(29, 1000, 0.01));
        // P(X ≥ 4) = 0.018; of one vote alone, 0.01.
        assert!(!is_beyond(4, 100, 0.01));
        assert!(!is_beyond(1, 1, 0.01));
    }
}
