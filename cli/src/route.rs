//! `drs route`: some images, a table or JSON lines.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use comfy_table::{CellAlignment, Table, presets};
use drs_core::certificate::{Binds, Certificate};
use drs_core::certify::Prediction;
use drs_core::noise::Seed;
use drs_core::protocol::{Method, Protocol};
use drs_core::sampling::Stopping;
use drs_core::text::printable;
use drs_data::read_image;
use drs_progress::{Bar, say};
use drs_router::{Certify, Predict, Router, Timed, ordered};
use serde::Serialize;

use crate::args::RouteArgs;
use crate::method::method;
use crate::pool::{self, OpenPool};

/// How much of its radius a single answer may go without, if nothing else is asked for.
const TOLERANCE: f64 = 0.05;

/// What one image gave, as `--json` writes it.
#[derive(Serialize)]
struct Answer<'a> {
    image: &'a Path,
    /// What was done to the file's pixels before anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversion: Option<String>,
    /// `null` abstains.
    class: Option<&'a str>,
    expert: Option<&'a str>,
    sigma: Option<f64>,
    /// Of the machine.
    seconds: f64,
    /// Seconds from start to answer.
    latency: f64,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Certificate(Box<Certificate>),
    Prediction(Prediction),
}

pub(crate) fn run(args: &RouteArgs) -> anyhow::Result<()> {
    args.draws.sampling.check()?;
    let pool = pool::open(&args.pool)?;
    let protocol = args.draws.protocol(pool.config.split, Stopping::Tolerance(TOLERANCE));
    let method = method(args.method.method.as_ref(), pool.router.pool(), &protocol)?;
    let seed = args.draws.seed()?;
    let certify = |image| answer(args, &pool, method, &protocol, seed, image);

    let mut table = table(args.predict);
    let mut failures = 0;
    let images = args.images.iter().map(|path| path.as_path());
    // The table comes at the end; lines of JSON come as they are made.
    let many = args.images.len() > 1 && !args.json;
    let bar = if many { Bar::over(args.images.len(), "inputs") } else { Bar::hidden() };
    let outcome = ordered(images, pool.router.inputs_at_once_by(&protocol), certify, |answer| {
        bar.advance();
        match answer {
            Ok(answer) if args.json => {
                let mut out = std::io::stdout().lock();
                writeln!(out, "{}", serde_json::to_string(&answer)?)?;
            }
            Ok(answer) => {
                table.add_row(answer.row());
            }
            // One bad image does not cost the others their answer.
            Err(error) => {
                failures += 1;
                bar.suspend(|| say!("error: {error:#}"));
            }
        }
        anyhow::Ok(())
    });
    bar.finish();
    outcome?;
    pool.router.try_last().context("no answer holds")?;
    if !args.json && failures < args.images.len() {
        print_table(&table, args, &pool, method)?;
    }
    if failures > 0 {
        bail!("{failures} of {} images failed", args.images.len());
    }
    Ok(())
}

/// A file's name, whatever is in it.
fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy()).into_owned()
}

/// Routes one image.
fn answer<'a>(
    args: &RouteArgs,
    pool: &'a OpenPool,
    method: Method,
    protocol: &Protocol,
    seed: Seed,
    image: &'a Path,
) -> anyhow::Result<Answer<'a>> {
    if args.json && image.to_str().is_none() {
        bail!("{}: the name is not UTF-8, which JSON needs: rename the file", shown(image));
    }
    let read = read_image(image, pool.config.input)?;
    let input = Arc::new(read.input);
    let timed = if args.predict {
        let predicted = pool.router.ask(input, &Predict { method, protocol, seed });
        predicted.map(|timed| timed.map(Outcome::Prediction))
    } else {
        let certified = pool.router.ask(input, &Certify { method, protocol, seed });
        certified.map(|timed| timed.map(|outcome| Outcome::Certificate(Box::new(outcome))))
    };
    let timed = timed.with_context(|| shown(image))?;
    Ok(Answer { conversion: read.conversion, ..Answer::new(&pool.router, image, timed) })
}

impl<'a> Answer<'a> {
    fn new(router: &'a Router, image: &'a Path, timed: Timed<Outcome>) -> Self {
        let Timed { outcome, time: seconds, latency } = timed;
        let (class, expert) = match &outcome {
            Outcome::Certificate(certificate) => {
                (certificate.verdict.class, certificate.verdict.expert)
            }
            Outcome::Prediction(prediction) => (prediction.class, prediction.expert),
        };
        let expert = expert.and_then(|expert| router.pool().experts.get(expert));
        Self {
            image,
            conversion: None,
            class: class.and_then(|class| router.classes().get(class)).map(String::as_str),
            expert: expert.map(|expert| expert.name.as_str()),
            sigma: expert.map(|expert| expert.sigma.get()),
            seconds,
            latency,
            outcome,
        }
    }

    fn row(&self) -> Vec<String> {
        let mut row = vec![
            self.image.display().to_string(),
            self.class.unwrap_or("abstain").to_owned(),
            self.expert.unwrap_or("-").to_owned(),
            self.sigma.map_or_else(|| "-".to_owned(), |sigma| sigma.to_string()),
        ];
        let draws = match &self.outcome {
            Outcome::Certificate(certificate) => {
                row.push(certificate.verdict.radius.to_string());
                // An abstention has no radius that anything could bind.
                let binds = match certificate.verdict.binds.filter(|_| self.class.is_some()) {
                    Some(Binds::Route) => "route",
                    Some(Binds::Class) => "class",
                    None => "-",
                };
                row.push(binds.to_owned());
                certificate.draws()
            }
            Outcome::Prediction(prediction) => {
                prediction.stages.iter().map(|stage| stage.draws()).sum()
            }
        };
        row.push(draws.to_string());
        row.push(format!("{:.2} s", self.seconds));
        row.iter().map(|cell| printable(cell).into_owned()).collect()
    }
}

fn table(predict: bool) -> Table {
    let certificate: &[&str] = if predict { &[] } else { &["radius", "binds"] };
    let header = ["input", "class", "expert", "sigma"].iter().chain(certificate);
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.chain(&["draws", "time"]).copied());
    let columns = table.column_count();
    for index in 3..columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn print_table(
    table: &Table,
    args: &RouteArgs,
    pool: &OpenPool,
    method: Method,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{table}")?;
    let method = drs_core::certify::name(pool.router.pool(), method);
    let (what, draws) = if args.predict {
        ("the class of the classifier that this method certifies, without a radius", String::new())
    } else {
        let draws = format!("n0 = {}, ", args.draws.n0);
        ("the class cannot change within the L2 radius (pixels in [0, 1])", draws)
    };
    let (n, alpha) = (args.draws.n, args.draws.alpha.get());
    writeln!(out, "{method}; {what}; {draws}n = {n}, wrong with probability at most {alpha}")?;
    writeln!(out, "time: each input's share of the machine, models and noise")?;
    Ok(())
}
