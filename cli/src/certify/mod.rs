//! `drs certify`: a data set, result files.

mod extension;
mod failed;
mod files;
mod finding;
mod header;
mod journal;
mod lines;
mod paths;
mod progress;
mod results;
mod signals;
mod table;
mod tally;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use drs_analysis::Header;
use drs_core::protocol::Method;
use drs_core::sampling::{Stopping, USUAL_RADII};
use drs_progress::say;
use drs_router::OpenError;

use crate::args::CertifyArgs;
use crate::method::method;
use crate::shard::shard;
use crate::usage::wrong_usage;
use crate::{data, pool, whole};
pub(crate) use failed::Failed;
pub(crate) use files::ResultFiles;
use finding::Finding;
pub(crate) use paths::Paths;
pub(crate) use results::{Line, results};
use tally::Tally;
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
    let read = [&args.pool.experts, &args.data].into_iter().map(PathBuf::as_path);
    for path in paths.all() {
        whole::check_apart(&path, read.clone().chain(args.reading.files()))?;
    }
    match begun {
        Some(_) => paths.check_usable()?,
        None => paths.check(args.overwrite)?,
    }
    if let (Some(shard), None, None) = (shard, args.draws.seed, &begun) {
        wrong_usage!(
            "shard {shard} without --seed: shards of one run need the same, such as --seed 0"
        );
    }
    let finding = Arc::new(Finding::new(&paths));
    let pool = pool::open(&args.pool).inspect_err(|error| {
        // The very models of the run that was begun: then what it has does not hold.
        let models = error.downcast_ref().and_then(OpenError::unsteady);
        if begun.as_ref().is_some_and(|begun| models == Some(&begun.models))
            && let Err(problem) = finding.note(&format!("{error:#}"))
        {
            say!("error: {problem:#}");
        }
    })?;
    let protocol = args.draws.protocol(pool.config.split, Stopping::Radii(USUAL_RADII.to_vec()));
    let method = method(args.method.method.as_ref(), pool.router.pool(), &protocol)?;
    let data = data::open(&args.data, &args.reading, pool.config.input, pool.router.classes())?;
    let mut header = Header {
        version: Header::VERSION,
        drs: env!("CARGO_PKG_VERSION").to_owned(),
        method: drs_core::certify::name(pool.router.pool(), method),
        protocol,
        // Without one asked for, a run goes on with its own.
        seed: match (args.draws.seed, &begun) {
            (None, Some(begun)) => begun.seed,
            _ => args.draws.seed()?,
        },
        input: pool.config.input,
        data: header::record(&data)?,
        start: args.start,
        skip: args.skip,
        max: args.max,
        shard,
        models: pool.router.models().to_vec(),
        blend: if method == Method::Blend { pool.config.blend.clone() } else { Vec::new() },
        table: paths.table_name(),
    };
    let indices = header.indices();
    // A shard may be left without any: the merge wants its files all the same.
    if indices.is_empty() && (Header { shard: None, ..header.clone() }).indices().is_empty() {
        if args.max == Some(0) {
            wrong_usage!("--max 0 takes no input");
        }
        wrong_usage!(
            "--start {} takes no input: the data set has {} (indices from 0)",
            args.start,
            data.len()
        );
    }
    let (files, done) = match &begun {
        None => (ResultFiles::create(&paths, &header, args.overwrite)?, Tally::default()),
        Some(begun) => {
            let before = extension::go_on(begun, &mut header, &paths)?;
            let (out, now) = (paths.table.display(), indices.len());
            if let Some(before) = before.filter(|&before| before != now) {
                say!("{out}: extended from {before} to {now} inputs");
            }
            ResultFiles::reopen(&paths, begun, &header)?
        }
    };
    let (pool, data, header, paths) = (&pool, &data, &header, &paths);
    Work { pool, data, method, header, paths, finding }.go_on(files, done)
}
