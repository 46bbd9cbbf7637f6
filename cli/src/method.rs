//! The method that was asked for, or the one that the pool is made for.

use drs_core::pool::Pool;
use drs_core::protocol::{Method, Protocol};
use drs_progress::say;
use drs_run::{Chosen, MethodName};

/// Chooses it, and tells the user where the choice was left to the pool.
pub(crate) fn method(
    asked: Option<&MethodName>,
    pool: &Pool,
    protocol: &Protocol,
) -> anyhow::Result<Method> {
    let Chosen { method, note } = Chosen::new(asked, pool, protocol)?;
    note.iter().for_each(|note| say!("note: {note}"));
    Ok(method)
}
