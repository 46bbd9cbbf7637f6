//! Where votes come from.

use std::ops::Range;

use crate::certificate::Verdict;
use crate::pool::Stage;
use crate::votes::VoteCounts;

/// Where votes come from: a batching engine, an analytic problem, a recording.
pub trait VoteSource {
    /// Why votes could not be drawn.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Tells which draws of a stage may be asked for: from 0 up to each of these
    /// numbers in turn. Has no effect on any vote.
    fn announce(&mut self, _stage: Stage, _looks: &[u64]) {}

    /// Votes of the model in `stage.role` on the noisy copies of the input with
    /// these numbers.
    ///
    /// Asking twice for a draw gives the same vote, whatever else is asked for.
    ///
    /// # Errors
    /// Whatever keeps the model from voting.
    fn votes(&mut self, stage: Stage, draws: Range<u64>) -> Result<VoteCounts, Self::Error>;

    /// Whether an error says that the time is up: the answer is then made of the votes that are
    /// there, and [says so](crate::certificate::Certificate::cut).
    fn is_time_up(&self, _error: &Self::Error) -> bool {
        false
    }

    /// Is told what the votes so far certify, whenever there are more. Has no effect on any vote.
    fn judged(&mut self, _so_far: &Verdict) {}
}
