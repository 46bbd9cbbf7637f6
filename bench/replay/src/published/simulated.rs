//! Votes for or against one class, the same for every design with the same looks.

use std::convert::Infallible;
use std::ops::Range;

use drs_core::design::Design;
use drs_core::pool::{Phase, Stage, VoteSource};
use drs_core::votes::VoteCounts;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand_distr::{Binomial, Distribution as _};

/// The votes of one input: class 0 with probability `p`, class 1 else.
pub(super) struct Simulated {
    /// Estimation votes for class 0 among the first so many draws.
    estimation: Vec<(u64, u64)>,
    selection: u64,
}

impl Simulated {
    /// Votes up to the looks of `design`; only they can be asked for.
    pub(super) fn new(p: f64, n0: u64, design: &Design, seed: u64, input: u64) -> Self {
        let mut rng = StdRng::seed_from_u64((seed << 32) ^ input);
        let mut draw =
            |trials| Binomial::new(trials, p).map_or(0, |binomial| binomial.sample(&mut rng));
        let selection = draw(n0);
        let mut estimation = vec![(0, 0)];
        let (mut draws, mut votes) = (0, 0);
        for look in design.looks() {
            votes += draw(look.draws - draws);
            draws = look.draws;
            estimation.push((draws, votes));
        }
        Self { estimation, selection }
    }

    fn upto(&self, draws: u64) -> u64 {
        let known = self.estimation.iter().find(|(upto, _)| *upto == draws);
        known.map_or_else(|| unreachable!("{draws} draws are no look"), |(_, votes)| *votes)
    }
}

impl VoteSource for Simulated {
    type Error = Infallible;

    fn votes(&mut self, stage: Stage, draws: Range<u64>) -> Result<VoteCounts, Infallible> {
        let count = draws.end - draws.start;
        let own = match stage.phase {
            Phase::Selection => self.selection,
            _ => self.upto(draws.end) - self.upto(draws.start),
        };
        Ok(VoteCounts::new(vec![own, count - own]).unwrap_or_else(|_| unreachable!("two classes")))
    }
}
