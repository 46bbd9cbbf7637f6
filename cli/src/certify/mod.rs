//! `drs certify`: a data set, result files.

mod progress;
mod signals;
mod teller;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use drs_core::sampling::{Stopping, USUAL_RADII};
use drs_data::Subset;
use drs_progress::say;
use drs_router::OpenError;
use drs_run::{Asked, Ending, Run, Site, Stop};

use crate::args::CertifyArgs;
use crate::method::method;
use crate::shard::shard;
use crate::usage::wrong_usage;
use crate::{data, exit, pool};
use signals::Interrupt;
use teller::Teller;

/// How long batches may still run after an error.
const REST: Duration = Duration::from_secs(1);

/// Certifies what is left of a run and tells how it ended.
pub(crate) fn run(args: &CertifyArgs) -> anyhow::Result<u8> {
    // Cheap refusals first: models may take a while to load.
    args.draws.sampling.check()?;
    let shard = shard(args.shard)?;
    let experts = args.pool.file()?;
    let read = [&experts, &args.data].into_iter().map(PathBuf::as_path);
    let reads: Vec<_> = read.chain(args.reading.files()).collect();
    let site = Site::new(&args.out, shard, args.overwrite, reads.into_iter())?;
    if let (Some(shard), None, None) = (shard, args.draws.seed, site.begun()) {
        wrong_usage!(
            "shard {shard} without --seed: shards of one run need the same, such as --seed 0"
        );
    }
    let pool = pool::open(&args.pool).inspect_err(|error| {
        let models = error.downcast_ref().and_then(OpenError::unsteady);
        let noted = models.map(|models| site.note_unsteady(models, &format!("{error:#}")));
        if let Some(Err(problem)) = noted {
            say!("error: {:#}", anyhow::Error::from(problem));
        }
    })?;
    let protocol = args.draws.protocol(pool.config.split, Stopping::Radii(USUAL_RADII.to_vec()));
    let method = method(args.method.method.as_ref(), pool.router.pool(), &protocol)?;
    let data = data::open(&args.data, &args.reading, pool.config.input, pool.router.classes())?;
    // Without one asked for, a run goes on with its own.
    let seed = match (args.draws.seed, site.begun()) {
        (None, Some(begun)) => begun.seed,
        _ => args.draws.seed()?,
    };
    let subset = Subset { start: args.start, skip: args.skip, max: args.max };
    let (input, blend) = (pool.config.input, pool.config.blend.clone());
    let asked = Asked { method, protocol, seed, input, blend, subset };
    let table = site.table().display().to_string();
    let events = Arc::new(Teller::default());
    let (router, version) = (&pool.router, env!("CARGO_PKG_VERSION"));
    let run = Run::open(site, router, &data, &asked, version, events.clone())?;
    let stop = Stop::new();
    let interrupt = Interrupt::watch(&stop)?;
    let ending = run.go_on(&stop);
    events.finish(router, &drs_core::certify::name(router.pool(), method));
    match ending {
        Ok(ending) => tell(ending, &table, &interrupt),
        // A batch that was given up still runs: nothing is torn down under it.
        Err(error) if !router.stopper().ended(REST) => signals::exit(crate::failed(&error.into())),
        Err(error) => Err(error.into()),
    }
}

/// Says how a run ended; the exit code.
fn tell(ending: Ending, table: &str, interrupt: &Interrupt) -> anyhow::Result<u8> {
    match ending {
        Ending::Whole => Ok(exit::SUCCESS),
        Ending::Incomplete { done, summary } => {
            say!(
                "error: {summary}; {done} inputs are kept in {table}, and the same command tries the others again"
            );
            Ok(exit::INCOMPLETE)
        }
        Ending::Stopped { done, of, kept, summary, idle } => {
            summary.iter().for_each(|summary| say!("{summary}"));
            say!("stopped after {done} of {of} inputs, which {kept}");
            let code = interrupt.caught().unwrap_or(1);
            if !idle {
                let _ = std::io::stdout().flush();
                signals::exit(code);
            }
            Ok(code)
        }
    }
}
