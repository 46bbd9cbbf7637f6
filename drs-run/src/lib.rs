#![forbid(unsafe_code)]
//! A certification run: many inputs of one data set, one kind of question, result files.
//!
//! * [`Site`]: where a run writes its files, and what is there already. Refuses before any model
//!   is loaded.
//! * [`Chosen`]: the method that was asked for, or the one that the pool is made for.
//! * [`Arguments`]: a question in named arguments, as Python and the server take it.
//! * [`Run`]: a site with models, data and a question; it goes on until it is done or [stopped](Stop).
//! * [`Event`]: what a run reports while it works. The run prints nothing itself.
//! * [`merge`]: the shards of a run, put together.
//! * [`Lock`]: a folder that one process at a time writes to.
//! * [`whole`]: files that are written whole or not at all, for all code that writes files.
//!
//! Messages name settings as the command line does (`--max`).

mod describe;
mod error;
mod event;
mod extension;
mod failed;
mod files;
mod finding;
mod journal;
mod lines;
mod lock;
mod merge;
mod method;
mod paths;
mod question;
mod results;
mod run;
mod sink;
mod site;
mod stop;
mod table;
mod tally;
pub mod whole;
mod work;

pub use error::RunError;
pub use event::{Event, Events};
pub use lock::Lock;
pub use merge::{Merged, merge};
pub use method::{Chosen, MethodName};
pub use question::{Arguments, Kind, Question};
pub use run::{Asked, Run};
pub use site::Site;
pub use stop::{Halted, Stop};
pub use tally::Tally;
pub use work::Ending;
