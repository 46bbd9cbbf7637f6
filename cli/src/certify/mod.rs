//! `drs certify`: a data set, result files.

mod files;
mod progress;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use drs_core::certificate::Certificate;
use drs_core::protocol::Method;
use drs_core::sampling::{Stopping, USUAL_RADII};
use drs_data::{Dataset, Example, Subset};
use drs_router::{Router, ordered};

use crate::args::{CertifyArgs, MethodName};
use crate::{data, pool};
use files::ResultFiles;
use progress::Progress;

/// One certified input.
struct Certified {
    example: Example,
    certificate: Certificate,
    seconds: f64,
}

impl Certified {
    /// Whether the class is right, if the input has a label.
    fn correct(&self) -> Option<bool> {
        self.example.label.map(|label| self.certificate.verdict.class == Some(label))
    }
}

pub(crate) fn run(args: &CertifyArgs) -> anyhow::Result<()> {
    // Cheap refusals first: models may take a while to load.
    args.draws.sampling.check()?;
    ResultFiles::check(&args.out, args.overwrite)?;
    let pool = pool::open(&args.pool)?;
    let method = method(&args.method, &pool.router)?;
    let data = data::open(&args.data, &args.reading, pool.config.input)?;
    check_classes(&data, &pool.router)?;
    let subset = Subset { start: args.start, skip: args.skip, max: args.max };
    let indices: Vec<usize> = subset.indices(data.len()).collect();
    if indices.is_empty() {
        bail!(
            "--start {} takes no input: the data set has {} (indices from 0)",
            args.start,
            data.len()
        );
    }
    let protocol = args.draws.protocol(pool.config.split, Stopping::Radii(USUAL_RADII.to_vec()));
    drs_core::certify::check(pool.router.pool(), method, &protocol)?;
    let seed = args.draws.seed()?;
    let mut files = ResultFiles::create(&args.out, args.overwrite)?;
    let mut progress = Progress::start(indices.len());

    let certify = |index| -> anyhow::Result<Certified> {
        let example = data.get(index)?;
        let start = Instant::now();
        let input = Arc::new(example.input.clone());
        let certificate = pool
            .router
            .certify(input, method, &protocol, seed)
            .with_context(|| format!("input {index} ({})", example.name))?;
        Ok(Certified { example, certificate, seconds: start.elapsed().as_secs_f64() })
    };
    let outcome =
        ordered(indices.into_iter(), pool.router.inputs_at_once(), certify, |certified| {
            let certified = certified?;
            files.write(&certified, &pool.router)?;
            progress.add(&certified);
            anyhow::Ok(())
        });
    let done = progress.finish(&pool.router);
    outcome.with_context(|| {
        format!("stopped after {done} inputs, which are kept in {}", args.out.display())
    })
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

/// Labels are compared with votes by index, so the names behind them must agree.
fn check_classes(data: &Dataset, router: &Router) -> anyhow::Result<()> {
    match data.classes() {
        Some(folders) if folders.len() > router.classes().len() => bail!(
            "the data set has {} classes ({}), the experts know {}",
            folders.len(),
            folders.join(", "),
            router.classes().len()
        ),
        Some(folders) if folders != router.classes() => {
            eprintln!(
                "warning: the class folders {folders:?} are taken for the experts' classes {:?}, in this order",
                router.classes()
            );
            Ok(())
        }
        _ => Ok(()),
    }
}
