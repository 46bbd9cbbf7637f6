//! Votes of a whole pool, drawn once and judged many times.

mod compare;
mod judge;
mod record;
mod votes;

pub(crate) use compare::{Args as CompareArgs, run as compare};
pub(crate) use judge::{Args as JudgeArgs, run as judge};
pub(crate) use record::{Args as RecordArgs, run as record};
