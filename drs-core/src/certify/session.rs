//! What the procedures share: drawing votes, bounding them, keeping the record.

use super::CertifyError;
use crate::certificate::{BoundRecord, StageRecord};
use crate::pool::{Model, Phase, Pool, Role, Stage, VoteSource};
use crate::protocol::{AlphaSplit, Bounding, Protocol, ProtocolError, geometric};
use crate::rule::{Claim, ClaimLevels, class_bounds};
use crate::units::Alpha;
use crate::votes::VoteCounts;

pub(super) struct Session<'a, S> {
    pub(super) pool: &'a Pool,
    pub(super) protocol: &'a Protocol,
    /// What is left of α for bounds.
    pub(super) alpha: Alpha,
    source: &'a mut S,
    stages: Vec<StageRecord>,
    bounds: Vec<BoundRecord>,
}

pub(super) type Result<T, S> = std::result::Result<T, CertifyError<<S as VoteSource>::Error>>;

impl<'a, S: VoteSource> Session<'a, S> {
    pub(super) fn new(
        pool: &'a Pool,
        protocol: &'a Protocol,
        alpha: Alpha,
        source: &'a mut S,
    ) -> Self {
        Self { pool, protocol, alpha, source, stages: Vec::new(), bounds: Vec::new() }
    }

    pub(super) fn finish(self) -> (Vec<StageRecord>, Vec<BoundRecord>) {
        (self.stages, self.bounds)
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

    /// Draws the votes of a stage and records them.
    pub(super) fn draw(&mut self, role: Role, phase: Phase) -> Result<VoteCounts, S> {
        let draws = match phase {
            Phase::Selection => self.protocol.n0,
            Phase::Estimation | Phase::Prediction => self.protocol.n,
        };
        let stage = Stage { role, phase };
        let votes = self.source.votes(stage, draws).map_err(CertifyError::Votes)?;
        let expected = self.pool.options(role);
        if votes.total() != draws || votes.counts().len() != expected {
            return Err(CertifyError::Counts {
                stage: self.pool.address(stage),
                found: votes.total(),
                classes: votes.counts().len(),
                draws,
                expected,
            });
        }
        self.stages.push(StageRecord { model: self.label(role), phase, votes: votes.clone() });
        Ok(votes)
    }

    pub(super) fn record(&mut self, bound: BoundRecord) {
        self.bounds.push(bound);
    }

    /// Levels of a claim by `role` that may spend `alpha`.
    pub(super) fn levels(
        &self,
        role: Role,
        alpha: Alpha,
        bounding: Bounding,
    ) -> Result<ClaimLevels, S> {
        let others = self.pool.options(role).saturating_sub(1);
        if bounding == Bounding::OneSided || others == 0 {
            return Ok(ClaimLevels { lower: alpha, upper: None });
        }
        let share = self.split().others;
        let each = alpha.share(share / others as f64 * (1.0 - 1e-12));
        let lower = alpha.share(1.0 - share);
        Ok(ClaimLevels {
            lower: lower.map_err(ProtocolError::Alpha)?,
            upper: Some(each.map_err(ProtocolError::Alpha)?),
        })
    }

    /// The claim on `class` that estimation votes support.
    pub(super) fn claim(
        &mut self,
        role: Role,
        votes: &VoteCounts,
        class: usize,
        levels: ClaimLevels,
    ) -> Result<Claim, S> {
        let sigma = self.model(role)?.sigma;
        let bounds = class_bounds(votes, class, levels)?;
        let others = (0..bounds.upper.len()).filter(|&z| z != class);
        let others_upper = others.map(|z| bounds.upper[z]).fold(0.0, f64::max);
        self.record(BoundRecord::Class {
            model: self.label(role),
            class,
            alpha: levels.lower,
            lower: bounds.lower,
            others_alpha: levels.upper,
            others_upper: levels.upper.map(|_| others_upper),
        });
        Ok(Claim::new(sigma, class, bounds.lower, &bounds.upper))
    }

    /// CERTIFY of one model at level `alpha`: N0 draws select, N fresh draws estimate.
    pub(super) fn select_and_claim(&mut self, role: Role, alpha: Alpha) -> Result<Claim, S> {
        let class = self.draw(role, Phase::Selection)?.top();
        let votes = self.draw(role, Phase::Estimation)?;
        let levels = self.levels(role, alpha, self.protocol.bounding)?;
        self.claim(role, &votes, class, levels)
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
