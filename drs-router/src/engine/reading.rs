//! One stage of one input, as its certificate reads it: look by look.

use std::ops::Range;
use std::sync::Arc;

use drs_core::lattice::LatticeInput;
use drs_core::noise::NoiseStream;
use drs_core::votes::VoteCounts;

use super::lane::Job;
use super::ticket::Ticket;
use super::{Engine, EngineError, State};
use crate::drawn::Run;

/// Draws that were announced. What nobody asks for is drawn only by workers
/// that have nothing else to do, and forgotten when this is dropped.
pub(crate) struct Reading<'e> {
    engine: &'e Engine,
    lane: usize,
    ticket: Arc<Ticket>,
}

impl Engine {
    /// Announces the draws of a noise stream from `first`, in looks that end at `ends`. The votes
    /// that are `known` are not drawn again.
    pub(crate) fn read(
        &self,
        lane: usize,
        input: Arc<LatticeInput>,
        stream: NoiseStream,
        first: u64,
        ends: &[u64],
        known: &[Run],
    ) -> Reading<'_> {
        let mut lanes = self.shared.lock();
        let turn = lanes.turn();
        let ended = (lanes.state == State::Stopped).then(|| lanes.ending.clone());
        let own = &mut lanes.lanes[lane];
        let ticket = Arc::new(Ticket::new(own.classes(), first, ends, known));
        if let Some(why) = ended {
            ticket.fail(&why);
        }
        let draws = ticket.gaps().into();
        own.announce(Job { input, stream, draws, ticket: Arc::clone(&ticket), turn });
        Reading { engine: self, lane, ticket }
    }
}

impl Reading<'_> {
    /// Where the votes are counted.
    pub(crate) fn ticket(&self) -> Arc<Ticket> {
        Arc::clone(&self.ticket)
    }

    /// Whether these draws are whole looks of this reading.
    pub(crate) fn covers(&self, draws: &Range<u64>) -> bool {
        self.ticket.looks(draws).is_some()
    }

    /// The votes of these draws. Blocks the calling thread; many inputs are
    /// certified at once by calling from many threads.
    ///
    /// # Panics
    /// If they are not [covered](Self::covers).
    pub(crate) fn votes(&self, draws: &Range<u64>) -> Result<VoteCounts, EngineError> {
        let looks = self.ticket.looks(draws);
        let looks = looks.unwrap_or_else(|| panic!("draws {draws:?} were not announced"));
        self.ticket.ask(draws.end);
        let mut lanes = self.engine.shared.lock();
        let turn = lanes.turn();
        lanes.lanes[self.lane].ask(&self.ticket, draws.end, turn);
        drop(lanes);
        self.engine.shared.work.notify_all();
        self.ticket.wait(looks)
    }

    /// Ends the reading; returns what its draws took, in seconds of the machine.
    ///
    /// Those that were drawn ahead and never asked for are among them. Those that are still on
    /// their way are counted at what a draw of this model takes on average.
    pub(crate) fn close(self) -> f64 {
        let mut lanes = self.engine.shared.lock();
        let lane = &mut lanes.lanes[self.lane];
        lane.forget(&self.ticket);
        let model = lane.model();
        drop(lanes);
        let (cost, under_way) = self.ticket.cost();
        cost.seconds + under_way as f64 * model.cost().each()
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.engine.shared.lock().lanes[self.lane].forget(&self.ticket);
    }
}
