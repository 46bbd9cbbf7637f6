//! A request's parameters as a question.

use std::time::Duration;

use drs_core::sampling::Stopping;
use drs_run::{Arguments, Question};
use serde_json::{Map, Number, Value};

use crate::error::Refusal;
use crate::served::{Model, Pool};
use crate::settings::Settings;

/// How much of its radius an answer may go without, if nothing else is asked for: as `drs route` has it.
const TOLERANCE: f64 = 0.05;

/// Parameters that are about the transport, or that clients send without a meaning here.
const OF_THE_WIRE: [&str; 1] = ["binary_data_output"];

/// They are kept with every answer, and looked through after every look.
const MOST_RADII: usize = 256;

/// What is asked, and how long it may take.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) question: Question,
    pub(crate) deadline: Option<Duration>,
}

/// The parameters, by name.
const NAMES: &str = "method, n, n0, alpha, two_sided, sampling, radius, radii, tol, seed, deadline_ms or timeout (microseconds)";

pub(crate) fn asked(
    parameters: &Map<String, Value>,
    model: &Model,
    pool: &Pool,
    settings: &Settings,
) -> Result<Asked, Refusal> {
    let mut arguments = Arguments::default();
    let mut deadlines = Vec::new();
    for (name, value) in parameters {
        let told = Told { name, value };
        match name.as_str() {
            "method" => arguments.method = Some(told.text()?),
            "n" => arguments.n = told.whole()?,
            "n0" => arguments.n0 = told.whole()?,
            "alpha" => arguments.alpha = told.number()?,
            "two_sided" => arguments.two_sided = told.yes()?,
            "sampling" => arguments.sampling = told.kind()?,
            "radius" => arguments.radius = Some(told.number()?),
            "radii" => arguments.radii = Some(told.numbers()?),
            "tol" => arguments.tol = Some(told.number()?),
            "seed" if !settings.seeds => {
                return Err(Refusal::invalid(
                    "parameter seed: this server chooses the seed itself (--no-seed): leave it out",
                ));
            }
            "seed" => arguments.seed = Some(told.text()?),
            "deadline_ms" => deadlines.push(told.milliseconds(1.0)?),
            // Triton's, in microseconds; none where it is 0.
            "timeout" => {
                deadlines.extend(Some(told.milliseconds(1e-3)?).filter(|time| !time.is_zero()));
            }
            name if OF_THE_WIRE.contains(&name) => {}
            name => {
                return Err(Refusal::invalid(format!(
                    "parameter {name}: no such parameter, expected {NAMES}"
                )));
            }
        }
    }
    match (&arguments.method, &model.method) {
        (Some(asked), Some(own)) if asked != own => {
            return Err(Refusal::invalid(format!(
                "parameter method: \"{asked}\" found, but the model {} is {own}: ask the model {} for other methods",
                model.name,
                crate::served::POOL
            )));
        }
        (None, Some(own)) => arguments.method = Some(own.clone()),
        _ => {}
    }
    if let Some(found) = arguments.radii.as_ref().map(Vec::len).filter(|found| *found > MOST_RADII)
    {
        return Err(Refusal::invalid(format!(
            "parameter radii: {found} of them found, expected at most {MOST_RADII}"
        )));
    }
    for (name, found) in [("n", arguments.n), ("n0", arguments.n0)] {
        if found > settings.most_draws {
            return Err(Refusal::invalid(format!(
                "parameter {name}: {found} found, expected at most {}, which this server allows",
                settings.most_draws
            )));
        }
    }
    let usual = Stopping::Tolerance(TOLERANCE);
    let question = arguments.question(pool.router.pool(), pool.config.split, usual);
    let question = question.map_err(|problem| Refusal::invalid(format!("parameter {problem}")))?;
    Ok(Asked { question, deadline: deadlines.into_iter().min() })
}

/// One parameter. Numbers may come as texts: some clients know no others.
struct Told<'a> {
    name: &'a str,
    value: &'a Value,
}

impl Told<'_> {
    fn wrong(&self, expected: &str) -> Refusal {
        let Self { name, value } = self;
        let found: String = value.to_string().chars().take(80).collect();
        Refusal::invalid(format!("parameter {name}: {found} found, expected {expected}"))
    }

    /// A number, or the text of one.
    fn numeral(&self) -> Option<Number> {
        match self.value {
            Value::Number(number) => Some(number.clone()),
            Value::String(text) => serde_json::from_str(text).ok(),
            _ => None,
        }
    }

    fn number(&self) -> Result<f64, Refusal> {
        self.numeral().and_then(|number| number.as_f64()).ok_or_else(|| self.wrong("a number"))
    }

    fn whole(&self) -> Result<u64, Refusal> {
        let expected = "a whole number from 0";
        self.numeral().and_then(|number| number.as_u64()).ok_or_else(|| self.wrong(expected))
    }

    fn numbers(&self) -> Result<Vec<f64>, Refusal> {
        let expected = "numbers: a list, or a text with commas between them";
        let list = match self.value {
            Value::Array(list) => list.iter().map(Value::as_f64).collect(),
            Value::String(text) => text.split(',').map(|part| part.trim().parse().ok()).collect(),
            _ => self.numeral().map(|number| number.as_f64().into_iter().collect()),
        };
        list.ok_or_else(|| self.wrong(expected))
    }

    fn text(&self) -> Result<String, Refusal> {
        match self.value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            _ => Err(self.wrong("a text")),
        }
    }

    fn yes(&self) -> Result<bool, Refusal> {
        match self.value {
            Value::Bool(yes) => Ok(*yes),
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            _ => Err(self.wrong("true or false")),
        }
    }

    fn kind(&self) -> Result<drs_run::Kind, Refusal> {
        serde_json::from_value(self.value.clone())
            .map_err(|_| self.wrong("\"fixed\" or \"sequential\""))
    }

    fn milliseconds(&self, unit: f64) -> Result<Duration, Refusal> {
        let expected = "a number from 0 to a day";
        let time = self.number()? * unit;
        let fits = (0.0..=86_400_000.0).contains(&time);
        if fits { Ok(Duration::from_secs_f64(time / 1000.0)) } else { Err(self.wrong(expected)) }
    }
}
