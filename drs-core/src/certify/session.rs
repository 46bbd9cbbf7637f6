//! What the procedures share: drawing votes, levels, the record's bounds.

use std::ops::Range;

use super::CertifyError;
use crate::certificate::{BoundRecord, Verdict};
use crate::design::Design;
use crate::pool::{self, Model, Phase, Pool, Role};
use crate::protocol::{AlphaSplit, Protocol, ProtocolError, geometric};
use crate::selection::Selection;
use crate::source::VoteSource;
use crate::units::Alpha;
use crate::votes::VoteCounts;

pub(super) struct Session<'a, S> {
    pub(super) pool: &'a Pool,
    pub(super) protocol: &'a Protocol,
    /// The looks of every estimation stage.
    pub(super) design: Design,
    /// What is left of α for bounds.
    pub(super) alpha: Alpha,
    source: &'a mut S,
    bounds: Vec<BoundRecord>,
    /// Whether the time was up before the question was answered.
    cut: bool,
}

pub(super) type Result<T, S> = std::result::Result<T, CertifyError<<S as VoteSource>::Error>>;

impl<'a, S: VoteSource> Session<'a, S> {
    pub(super) fn new(
        pool: &'a Pool,
        protocol: &'a Protocol,
        alpha: Alpha,
        source: &'a mut S,
    ) -> Self {
        let design = protocol.sampling.design(protocol.n);
        Self { pool, protocol, design, alpha, source, bounds: Vec::new(), cut: false }
    }

    /// The bounds, and whether drawing was cut short.
    pub(super) fn finish(self) -> (Vec<BoundRecord>, bool) {
        (self.bounds, self.cut)
    }

    /// Whether an error of the source says that the time is up, which is noted.
    pub(super) fn is_time_up(&mut self, error: &S::Error) -> bool {
        let is_up = self.source.is_time_up(error);
        self.cut |= is_up;
        is_up
    }

    pub(super) fn judged(&mut self, so_far: &Verdict) {
        self.source.judged(so_far);
    }

    pub(super) fn split(&self) -> &'a AlphaSplit {
        &self.protocol.split
    }

    pub(super) fn model(&self, role: Role) -> Result<&'a Model, S> {
        let missing = || ProtocolError::Pool(format!("the pool has no {role:?}"));
        Ok(self.pool.model(role).ok_or_else(missing)?)
    }

    /// The name of a role in records.
    pub(super) fn label(&self, role: Role) -> String {
        match role {
            Role::Router => "router".to_owned(),
            Role::Expert(_) => self.pool.model(role).map_or_else(String::new, |m| m.name.clone()),
        }
    }

    /// The name of an expert by index: an option of the router.
    pub(super) fn label_of(&self, expert: usize) -> String {
        self.label(Role::Expert(expert))
    }

    /// Tells the source which estimation draws may follow.
    fn announce(&mut self, role: Role) {
        let stage = pool::Stage { role, phase: Phase::Estimation };
        let looks: Vec<u64> = self.design.looks().iter().map(|look| look.draws).collect();
        self.source.announce(stage, &looks);
    }

    /// The votes of a stage on these draws.
    pub(super) fn draw(
        &mut self,
        role: Role,
        phase: Phase,
        draws: Range<u64>,
    ) -> Result<VoteCounts, S> {
        let stage = pool::Stage { role, phase };
        let count = draws.end - draws.start;
        let votes = self.source.votes(stage, draws).map_err(CertifyError::Votes)?;
        let expected = self.pool.options(role);
        if votes.total() != count || votes.counts().len() != expected {
            return Err(CertifyError::Counts {
                stage: self.pool.address(stage),
                found: votes.total(),
                classes: votes.counts().len(),
                draws: count,
                expected,
            });
        }
        Ok(votes)
    }

    /// Draws the selection votes of a role: those up to each look, the last one that was needed at
    /// the end. Only estimation draws are announced: they are what idle rows are to draw ahead.
    pub(super) fn select(
        &mut self,
        role: Role,
        selection: Selection,
    ) -> Result<Vec<VoteCounts>, S> {
        self.announce(role);
        let (mut before, mut taken) = (0, Vec::<VoteCounts>::new());
        for look in selection.looks(self.protocol.n0) {
            let mut votes = self.draw(role, Phase::Selection, before..look)?;
            taken.last().into_iter().for_each(|earlier| votes.add(earlier));
            let settled = selection.settled(&votes);
            taken.push(votes);
            before = look;
            if settled {
                break;
            }
        }
        Ok(taken)
    }

    pub(super) fn record(&mut self, bound: BoundRecord) {
        self.bounds.push(bound);
    }

    /// α of the router's bounds and of the experts' bounds.
    pub(super) fn halves(&self) -> Result<(Alpha, Alpha), S> {
        let route = self.alpha.share(self.split().route).map_err(ProtocolError::Alpha)?;
        let class = self.alpha.share(1.0 - self.split().route).map_err(ProtocolError::Alpha)?;
        Ok((route, class))
    }

    /// Shares of `alpha` that fall by `factor`.
    pub(super) fn shares(&self, alpha: Alpha, factor: f64, parts: usize) -> Result<Vec<Alpha>, S> {
        Ok(geometric(alpha, factor, parts).map_err(ProtocolError::Alpha)?)
    }
}
