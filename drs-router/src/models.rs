//! The models of a pool as they run: which one votes in which role, and what its votes mean there.

use drs_core::pool::{Pool, Role, Stage};
use drs_core::votes::VoteCounts;

use crate::engine::Engine;
use crate::shared;

/// The models of a pool and the engine that runs them.
pub(crate) struct Models {
    pub(crate) pool: Pool,
    pub(crate) route: Route,
    pub(crate) engine: Engine,
}

/// Where the router's votes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    None,
    /// The first lane.
    Own,
    /// The lane of the expert in this place, which votes for pairs.
    Shared(usize),
}

impl Route {
    /// The expert whose model answers with pairs.
    pub(crate) fn shared(self) -> Option<usize> {
        match self {
            Self::Shared(expert) => Some(expert),
            Self::None | Self::Own => None,
        }
    }
}

impl Models {
    /// Where the model in a role is run.
    pub(crate) fn lane(&self, role: Role) -> usize {
        match role {
            Role::Router => self.route.shared().unwrap_or(0),
            Role::Expert(index) => index + usize::from(self.route == Route::Own),
        }
    }

    /// The stage whose draws have the votes of this one: the noise has its address.
    pub(crate) fn drawn(&self, stage: Stage) -> Stage {
        match (stage.role, self.route) {
            (Role::Router, Route::Shared(expert)) => Stage { role: Role::Expert(expert), ..stage },
            _ => stage,
        }
    }

    /// What a stage is told of the votes of its model.
    pub(crate) fn told(&self, stage: Stage, votes: VoteCounts) -> VoteCounts {
        let experts = self.pool.experts.len();
        match (stage.role, self.route.shared()) {
            (Role::Router, Some(_)) => shared::routes(&votes, experts),
            (Role::Expert(expert), Some(sharer)) if expert == sharer => {
                shared::answers(&votes, experts)
            }
            _ => votes,
        }
    }
}
