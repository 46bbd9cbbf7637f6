//! What came before and what happens at the same time.

use std::sync::Barrier;

use super::{Shortfall, fail};
use crate::lab::Lab;
use crate::report::Measure;

/// Threads where the manifest allows any number, and the most that are tried.
const THREADS: usize = 8;
const MOST_THREADS: usize = 64;
/// Batches that each thread votes on.
const BATCHES: usize = 8;

pub(super) fn repetition(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    let expert = lab.open()?;
    for number in 0..lab.batches().min(BATCHES) {
        lab.votes_as_ever(&expert, number, "at a later call")?;
        lab.votes_as_ever(&expert, number, "when the batch comes twice")?;
    }
    Ok(())
}

pub(super) fn earlier_batches(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    let expert = lab.open()?;
    let values = lab.values();
    for (number, value) in [i16::MAX, i16::MIN, 0].into_iter().enumerate() {
        for rows in [lab.batch, 1, lab.batch + 3] {
            // What comes of these is for other cases.
            let _ = expert.vote(&vec![value; rows * values], rows);
        }
        let when = format!("after batches of {value}");
        lab.votes_as_ever(&expert, number, &when)?;
    }
    // From the last batch to the first.
    for number in (0..lab.batches().min(BATCHES)).rev() {
        lab.votes_as_ever(&expert, number, "in reverse order")?;
    }
    Ok(())
}

pub(super) fn instances(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    let (first, second) = (lab.open()?, lab.open()?);
    for number in 0..lab.batches().min(BATCHES) {
        lab.votes_as_ever(&first, number, "beside a second instance")?;
        lab.votes_as_ever(&second, number + 1, "in the second instance")?;
    }
    drop(first);
    lab.votes_as_ever(&second, 0, "when the first instance is gone")
}

pub(super) fn threads(lab: &Lab<'_>, measured: &mut Vec<Measure>) -> Result<(), Shortfall> {
    let expert = lab.open()?;
    at_once(lab, measured, |number| {
        lab.votes_as_ever(&expert, number, "with other calls at the same time")
    })
}

/// Runs `call` on as many threads as the manifest allows, each with numbers from
/// another start.
pub(super) fn at_once(
    lab: &Lab<'_>,
    measured: &mut Vec<Measure>,
    call: impl Fn(usize) -> Result<(), Shortfall> + Sync,
) -> Result<(), Shortfall> {
    let threads = match lab.manifest.concurrency {
        0 => THREADS,
        limit => limit.min(MOST_THREADS),
    };
    measured.push(Measure { name: "calls at once".into(), value: threads as f64 });
    let start = Barrier::new(threads);
    let work = |first: usize| {
        start.wait();
        (first..first + BATCHES).try_for_each(&call)
    };
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..threads).map(|i| scope.spawn(move || work(i))).collect();
        let joined = threads.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err(fail("a thread that panicked", "votes")))
        });
        joined.collect::<Vec<_>>().into_iter().collect()
    })
}
