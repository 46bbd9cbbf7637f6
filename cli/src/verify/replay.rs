//! The models by which votes are drawn again.

use std::sync::Arc;

use drs_analysis::{Answer, Entry};
use drs_core::lattice::LatticeInput;
use drs_core::verify::Rejection;
use drs_router::{Replay, Replayed};

use super::Judged;
use crate::args::{PoolArgs, VerifyArgs};
use crate::pool::{self, OpenPool};

pub(super) struct Bench(OpenPool);

impl Bench {
    /// `None` where no replay is asked for.
    pub(super) fn open(args: &VerifyArgs) -> anyhow::Result<Option<Self>> {
        let replay = &args.replay;
        let experts = args.inputs.experts.clone().filter(|_| replay.replay);
        let Some(experts) = experts else { return Ok(None) };
        let (threads, batch, isolate) = (replay.threads, replay.batch, replay.isolate);
        Ok(Some(Self(pool::open(&PoolArgs {
            threads,
            batch,
            isolate,
            ..PoolArgs::of_file(experts)
        })?)))
    }

    /// What the models call their classes.
    pub(super) fn classes(&self) -> &[String] {
        self.0.router.classes()
    }

    pub(super) fn inputs_at_once(&self) -> usize {
        self.0.router.inputs_at_once()
    }

    /// Draws a verified record's votes again.
    pub(super) fn replay(&self, entry: &Entry, input: LatticeInput) -> Judged<Replayed> {
        if let Entry::Answer(answer) = entry
            && let Err(rejection) = self.names(answer)
        {
            return Ok(Err(rejection));
        }
        let found = match Replay::of(entry.certificate()) {
            Ok(question) => self.0.router.ask(Arc::new(input), &question)?.outcome,
            Err(rejection) => Err(rejection),
        };
        Ok(found.map_err(|rejection| rejection.within("certificate")))
    }

    /// Only the pool knows how its classes are called.
    fn names(&self, answer: &Answer<'_>) -> Result<(), Rejection> {
        let class = answer.certificate.verdict.class;
        let name = class.and_then(|class| self.0.router.classes().get(class));
        if answer.class.as_deref() == name.map(String::as_str) {
            return Ok(());
        }
        let show = |name: Option<&str>| name.map_or("null".into(), |name| format!("\"{name}\""));
        let (found, expected) = (show(answer.class.as_deref()), show(name.map(|name| &**name)));
        Err(Rejection::new("class", found, expected))
    }
}
