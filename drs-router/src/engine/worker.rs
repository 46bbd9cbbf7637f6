//! What a worker thread does next.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::lane::Lane;
use super::model::{Batch, Model};
use super::{Lanes, Shared, State};
use crate::panicked::caught;

enum Task {
    Run(usize, Arc<Model>, Batch),
    Fill(usize, Arc<Model>, Batch),
}

/// Works until the engine stops. A panic ends the whole engine: whoever waits for votes gets it
/// as an error.
pub(super) fn work(shared: &Shared) {
    if let Err(panicked) = caught(|| run(shared)) {
        shared.lock().break_off(panicked);
        shared.work.notify_all();
    }
}

fn run(shared: &Shared) {
    let mut scratch = Vec::new();
    let mut lanes = shared.lock();
    loop {
        let task = match next(&mut lanes) {
            Some(task) => task,
            None if lanes.state != State::Working => return,
            None => {
                lanes = shared.work.wait(lanes).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
        };
        drop(lanes);
        match task {
            Task::Run(lane, model, batch) => {
                let start = Instant::now();
                let outcome = caught(|| model.run(&batch, &shared.clock));
                let took = start.elapsed();
                lanes = shared.lock();
                lanes.lanes[lane].ran(batch, took);
                outcome.unwrap_or_else(|panicked| lanes.break_off(panicked));
            }
            Task::Fill(lane, model, mut batch) => {
                let task = shared.clock.start();
                let mut values = std::mem::take(&mut batch.values);
                let outcome =
                    caught(|| model.voter.fill(&mut values, &batch.draws(), &mut scratch));
                batch.values = values;
                batch.seconds = task.end();
                lanes = shared.lock();
                lanes.lanes[lane].filled(batch);
                outcome.unwrap_or_else(|panicked| lanes.break_off(panicked));
            }
        }
        shared.work.notify_all();
    }
}

/// First what somebody waits for: a batch that is ready before noise, among
/// noise the fullest batch. Then, rather than nothing, what may be asked for.
fn next(lanes: &mut Lanes) -> Option<Task> {
    if lanes.state != State::Working {
        return None;
    }
    run_ready(lanes, false)
        .or_else(|| {
            let (index, lane) =
                lanes.lanes.iter_mut().enumerate().max_by_key(|(_, lane)| lane.fill_worth())?;
            (lane.fill_worth() > 0).then(|| fill(index, lane))
        })
        .or_else(|| run_ready(lanes, true))
        .or_else(|| {
            let ahead = |(index, lane): (usize, &Lane)| Some((lane.latest_ahead()?, index));
            let (_, index) = lanes.lanes.iter().enumerate().filter_map(ahead).max()?;
            Some(fill(index, &mut lanes.lanes[index]))
        })
}

fn run_ready(lanes: &mut Lanes, idle: bool) -> Option<Task> {
    lanes.lanes.iter_mut().enumerate().find_map(|(index, lane)| {
        let (model, batch) = lane.take_ready(idle)?;
        Some(Task::Run(index, model, batch))
    })
}

fn fill(index: usize, lane: &mut Lane) -> Task {
    let (model, batch) = lane.take_rows();
    Task::Fill(index, model, batch)
}
