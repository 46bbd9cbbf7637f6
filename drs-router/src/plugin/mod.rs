//! Expert libraries: finding them, checking them, loading them, asking them.

mod expert;
mod find;
mod here;
mod library;
mod opening;
mod registry;

pub(crate) use expert::{Failure, Isolation};
pub use expert::{LoadError, LoadedExpert};
pub(crate) use here::Here;
pub(crate) use opening::Opening;
pub(crate) use registry::Registry;

/// Opens a model in a process that has no other.
pub(crate) fn open_alone(opening: &Opening) -> Result<Here, String> {
    let plugin = Registry::default().load(&opening.library).map_err(|error| error.to_string())?;
    Here::open(plugin.module, plugin.info, opening).map_err(|error| error.to_string())
}
