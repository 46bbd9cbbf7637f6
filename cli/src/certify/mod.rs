//! `drs certify`: a data set, result files.

mod extension;
mod failed;
mod files;
mod header;
mod journal;
mod lines;
mod paths;
mod progress;
mod signals;
mod work;

use std::process::ExitCode;

use drs_core::protocol::Method;
use drs_core::sampling::{Stopping, USUAL_RADII};
use drs_progress::say;

use crate::args::CertifyArgs;
use crate::method::method;
use crate::shard::shard;
use crate::usage::wrong_usage;
use crate::{data, pool};
pub(crate) use failed::Failed;
pub(crate) use files::{Line, ResultFiles, results};
use header::DataRecord;
pub(crate) use header::Header;
pub(crate) use paths::Paths;
pub(crate) use work::INCOMPLETE;
use work::Work;

/// Certifies what is left of a run and tells how it ended.
pub(crate) fn run(args: &CertifyArgs) -> anyhow::Result<ExitCode> {
    // Cheap refusals first: models may take a while to load.
    args.draws.sampling.check()?;
    let shard = shard(args.shard)?;
    let paths = Paths::new(&args.out, shard)?;
    let begun = if args.overwrite { None } else { Header::read(&paths.run)? };
    let begun = match begun {
        Some(begun) if paths.has_results()? => Some(begun),
        _ => None,
    };
    match begun {
        Some(_) => paths.check_usable()?,
        None => paths.check(args.overwrite)?,
    }
    let pool = pool::open(&args.pool)?;
    let protocol = args.draws.protocol(pool.config.split, Stopping::Radii(USUAL_RADII.to_vec()));
    let method = method(args.method.method.as_ref(), pool.router.pool(), &protocol)?;
    let data = data::open(&args.data, &args.reading, pool.config.input, pool.router.classes())?;
    let mut header = Header {
        version: header::VERSION,
        drs: env!("CARGO_PKG_VERSION").to_owned(),
        method: drs_core::certify::name(pool.router.pool(), method),
        protocol,
        // Without one asked for, a run goes on with its own.
        seed: match (args.draws.seed, &begun) {
            (None, Some(begun)) => begun.seed,
            _ => args.draws.seed()?,
        },
        input: pool.config.input,
        data: DataRecord::of(&data)?,
        start: args.start,
        skip: args.skip,
        max: args.max,
        shard,
        models: pool.router.models().to_vec(),
        blend: if method == Method::Blend { pool.config.blend.clone() } else { Vec::new() },
    };
    let indices = header.indices();
    // A shard may be left without any: the merge wants its files all the same.
    if indices.is_empty() && (Header { shard: None, ..header.clone() }).indices().is_empty() {
        wrong_usage!(
            "--start {} takes no input: the data set has {} (indices from 0)",
            args.start,
            data.len()
        );
    }
    let (files, done) = match &begun {
        None => (ResultFiles::create(&paths, &header, args.overwrite)?, Vec::new()),
        Some(begun) => {
            let before = extension::go_on(begun, &mut header, &paths)?;
            let (out, now) = (paths.table.display(), indices.len());
            if let Some(before) = before.filter(|&before| before != now) {
                say!("{out}: extended from {before} to {now} inputs");
            }
            ResultFiles::reopen(&paths, begun, &header)?
        }
    };
    Work { pool: &pool, data: &data, method, header: &header, paths: &paths }.go_on(files, &done)
}
