//! Expert libraries: finding them, checking them, loading them, asking them.

mod expert;
mod find;
mod library;
mod registry;

pub use expert::{LoadError, LoadedExpert};
pub(crate) use registry::Registry;
