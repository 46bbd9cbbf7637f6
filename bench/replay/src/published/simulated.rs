//! Votes for or against one class, the same for every design with the same looks.

use std::convert::Infallible;
use std::ops::Range;

use drs_core::pool::{Phase, Stage};
use drs_core::source::VoteSource;
use drs_core::votes::VoteCounts;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand_distr::{Binomial, Distribution as _};

use crate::looks::looks;

/// The votes of one input: class 0 with probability `p`, class 1 else.
pub(super) struct Simulated {
    selection: Votes,
    estimation: Votes,
}

/// Votes for class 0 among the first so many draws.
struct Votes(Vec<(u64, u64)>);

impl Simulated {
    /// Votes up to the usual looks; only they can be asked for.
    pub(super) fn new(p: f64, n0: u64, n: u64, seed: u64, input: u64) -> Self {
        let mut rng = StdRng::seed_from_u64((seed << 32) ^ input);
        let mut draw =
            |trials| Binomial::new(trials, p).map_or(0, |binomial| binomial.sample(&mut rng));
        let [selection, estimation] = [Phase::Selection, Phase::Estimation].map(|phase| {
            let mut known = vec![(0, 0)];
            let (mut draws, mut votes) = (0, 0);
            for look in looks(phase, n0, n) {
                votes += draw(look - draws);
                draws = look;
                known.push((draws, votes));
            }
            Votes(known)
        });
        Self { selection, estimation }
    }
}

impl Votes {
    fn upto(&self, draws: u64) -> u64 {
        let known = self.0.iter().find(|(upto, _)| *upto == draws);
        known.map_or_else(|| unreachable!("{draws} draws are no look"), |(_, votes)| *votes)
    }
}

impl VoteSource for Simulated {
    type Error = Infallible;

    fn votes(&mut self, stage: Stage, draws: Range<u64>) -> Result<VoteCounts, Infallible> {
        let count = draws.end - draws.start;
        let own = match stage.phase {
            Phase::Selection => &self.selection,
            _ => &self.estimation,
        };
        let own = own.upto(draws.end) - own.upto(draws.start);
        Ok(VoteCounts::new(vec![own, count - own]).unwrap_or_else(|_| unreachable!("two classes")))
    }
}
