//! What a worker thread does next.

use std::sync::{Arc, PoisonError};

use super::model::{Batch, Model};
use super::{Lanes, Shared};

enum Task {
    Run(usize, Arc<Model>, Batch),
    Fill(usize, Arc<Model>, Batch),
}

pub(super) fn run(shared: &Shared) {
    let mut scratch = Vec::new();
    let mut lanes = shared.lock();
    loop {
        let task = match next(&mut lanes) {
            Some(task) => task,
            None if lanes.stopping => {
                lanes.lanes.iter_mut().for_each(super::lane::Lane::stop);
                return;
            }
            None => {
                lanes = shared.work.wait(lanes).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
        };
        drop(lanes);
        match task {
            Task::Run(lane, model, batch) => {
                model.run(&batch);
                lanes = shared.lock();
                lanes.lanes[lane].ran(batch);
            }
            Task::Fill(lane, model, mut batch) => {
                model.fill(&mut batch, &mut scratch);
                lanes = shared.lock();
                lanes.lanes[lane].filled(batch);
            }
        }
        shared.work.notify_all();
    }
}

/// A batch that is ready before noise; among noise the fullest batch first.
fn next(lanes: &mut Lanes) -> Option<Task> {
    if lanes.stopping {
        return None;
    }
    for (index, lane) in lanes.lanes.iter_mut().enumerate() {
        if let Some((model, batch)) = lane.take_ready() {
            return Some(Task::Run(index, model, batch));
        }
    }
    let (index, lane) =
        lanes.lanes.iter_mut().enumerate().max_by_key(|(_, lane)| lane.fill_worth())?;
    if lane.fill_worth() == 0 {
        return None;
    }
    let (model, batch) = lane.take_rows();
    Some(Task::Fill(index, model, batch))
}
