//! `drs certify`: a data set, result files.

mod files;
mod header;
mod paths;
mod progress;
mod signals;

use std::borrow::Cow;
use std::collections::HashSet;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use drs_analysis::Record;
use drs_core::protocol::Method;
use drs_core::sampling::{Stopping, USUAL_RADII};
use drs_data::{Dataset, Example};
use drs_router::{EngineError, RouteError, Router, Timed, ordered};

use crate::args::{CertifyArgs, MethodName};
use crate::pool::OpenPool;
use crate::shard::shard;
use crate::{data, pool};
pub(crate) use files::{Line, ResultFiles, results};
use header::DataRecord;
pub(crate) use header::Header;
pub(crate) use paths::Paths;
use progress::Progress;
use signals::Interrupt;

/// Certifies what is left of a run and tells how it ended.
pub(crate) fn run(args: &CertifyArgs) -> anyhow::Result<ExitCode> {
    // Cheap refusals first: models may take a while to load.
    args.draws.sampling.check()?;
    let shard = shard(args.shard)?;
    let paths = Paths::new(&args.out, shard)?;
    let begun = if args.overwrite { None } else { Header::read(&paths.run)? };
    let begun = begun.filter(|_| paths.table.exists());
    if begun.is_none() && !args.overwrite {
        paths.check_free()?;
    }
    let pool = pool::open(&args.pool)?;
    let method = method(&args.method, &pool.router)?;
    let data = data::open(&args.data, &args.reading, pool.config.input, pool.router.classes())?;
    let protocol = args.draws.protocol(pool.config.split, Stopping::Radii(USUAL_RADII.to_vec()));
    drs_core::certify::check(pool.router.pool(), method, &protocol)?;
    let header = Header {
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
        configs: pool.router.configs().to_vec(),
        blend: if method == Method::Blend { pool.config.blend.clone() } else { Vec::new() },
    };
    let indices = header.indices();
    // A shard may be left without any: the merge wants its files all the same.
    if indices.is_empty() && (Header { shard: None, ..header.clone() }).indices().is_empty() {
        bail!(
            "--start {} takes no input: the data set has {} (indices from 0)",
            args.start,
            data.len()
        );
    }
    let (files, done) = match &begun {
        None => (ResultFiles::create(&paths, &header, args.overwrite)?, Vec::new()),
        Some(begun) => {
            check_same(begun, &header, &paths)?;
            ResultFiles::reopen(&paths, &header)?
        }
    };
    Work { pool: &pool, data: &data, method, header: &header, paths: &paths }.go_on(files, &done)
}

/// Refuses to mix results of two runs.
fn check_same(begun: &Header, asked: &Header, paths: &Paths) -> anyhow::Result<()> {
    let differences = begun.differences(asked);
    if differences.is_empty() {
        return Ok(());
    }
    let list: String = differences
        .iter()
        .take(8)
        .map(|(field, found, expected)| format!("\n  {field}: {found} there, {expected} asked for"))
        .collect();
    let more = differences.len().saturating_sub(8);
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    bail!(
        "{} exists and has results of another run; give another --out, or --overwrite to replace it. {} tells:{list}{more}",
        paths.table.display(),
        paths.run.display()
    )
}

/// A run, ready to be worked at.
struct Work<'a> {
    pool: &'a OpenPool,
    data: &'a Dataset,
    method: Method,
    header: &'a Header,
    paths: &'a Paths,
}

impl Work<'_> {
    /// Certifies what is not done yet.
    fn go_on(&self, mut files: ResultFiles, done: &[Record<'_>]) -> anyhow::Result<ExitCode> {
        let indices = self.header.indices();
        let mut progress = Progress::start(indices.len(), done);
        if !done.is_empty() {
            say!(
                "{}: {} of {} inputs are there already",
                self.paths.table.display(),
                done.len(),
                indices.len()
            );
        }
        let finished: HashSet<usize> = done.iter().map(|record| record.idx).collect();
        let interrupt = Interrupt::watch()?;
        let left = indices
            .iter()
            .copied()
            .filter(|index| !finished.contains(index))
            .take_while(|_| interrupt.caught().is_none());
        let certify = |index| self.certify(index);
        let mut lost = Vec::new();
        let outcome = ordered(left, self.pool.router.inputs_at_once(), certify, |record| {
            let record = match record {
                Err(error) if is_lost(&error) => {
                    progress.say(&format!("error: {error:#}; going on without this input"));
                    lost.push(error);
                    return Ok(());
                }
                record => record?,
            };
            files.write(&record)?;
            progress.add(&record);
            anyhow::Ok(())
        });
        // Whatever ended it: what is finished is kept.
        let outcome = outcome.and(files.sync());
        let count = progress.finish(&self.pool.router);
        let out = self.paths.table.display();
        if outcome.as_ref().is_err_and(is_unsteady) {
            return outcome.map(|()| ExitCode::SUCCESS).with_context(|| {
                format!("stopped after {count} inputs; what is in {out} rests on this model: do not use it")
            });
        }
        outcome.with_context(|| {
            format!("stopped after {count} inputs, which are kept in {out}; the same command goes on there")
        })?;
        if let Some(error) = lost.first() {
            bail!(
                "{} of {} inputs have no result, since a plugin did not survive them (first {error:#}); {count} are kept in {out}, and the same command tries the others again",
                lost.len(),
                indices.len()
            );
        }
        match interrupt.caught() {
            Some(code) if count < indices.len() => {
                say!(
                    "stopped after {count} of {} inputs, which are kept in {out}; the same command goes on there",
                    indices.len()
                );
                Ok(ExitCode::from(code))
            }
            _ => Ok(ExitCode::SUCCESS),
        }
    }

    fn certify(&self, index: usize) -> anyhow::Result<Record<'static>> {
        let Example { index, label, input, name, conversion } = self.data.get(index)?;
        let Header { protocol, seed, .. } = self.header;
        let Timed { outcome: certificate, time, latency } = self
            .pool
            .router
            .certify(Arc::new(input), self.method, protocol, *seed)
            .with_context(|| format!("input {index} ({name})"))?;
        Ok(Record {
            idx: index,
            label,
            input: Cow::Owned(name),
            conversion,
            correct: label.map(|label| certificate.verdict.class == Some(label)),
            time,
            latency: Some(latency),
            certificate: Cow::Owned(certificate),
        })
    }
}

/// Whether an isolated plugin was lost over this input: no reason to give up the others.
fn is_lost(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(RouteError::Votes(EngineError::Lost { .. })))
}

/// Whether votes depended on more than their own input: then no result of the run holds.
fn is_unsteady(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(RouteError::Votes(EngineError::Unsteady { .. })))
}

fn method(name: &MethodName, router: &Router) -> anyhow::Result<Method> {
    Ok(match name {
        MethodName::Routed(rule) => (*rule).into(),
        MethodName::Multiscale => Method::Multiscale,
        MethodName::One(name) => {
            let experts = &router.pool().experts;
            let index = experts.iter().position(|expert| expert.name == *name);
            Method::One(index.with_context(|| {
                let names: Vec<&str> = experts.iter().map(|e| e.name.as_str()).collect();
                format!("--method one:{name}: no such expert, expected one of {}", names.join(", "))
            })?)
        }
    })
}
