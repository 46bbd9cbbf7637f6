//! `drs merge`: the shards of a run, put together.

use drs_progress::say;
use drs_run::Merged;

use crate::args::MergeArgs;
use crate::exit;

pub(crate) fn run(args: &MergeArgs) -> anyhow::Result<u8> {
    let merged = drs_run::merge(&args.shards, &args.out, args.overwrite)?;
    let Merged { table, inputs, shards, failed } = merged;
    say!("{}: {inputs} inputs of {shards} shards", table.display());
    let Some(summary) = failed else { return Ok(exit::SUCCESS) };
    say!("error: {summary}; the other inputs are put together");
    Ok(exit::INCOMPLETE)
}
