//! What comes of inputs, as tensors.

use std::borrow::Cow;

use drs_core::certificate::{Binds, Certificate};

use crate::answered::Answered;
use crate::error::{Kind, Refusal};
use crate::request::Output;
use crate::served::Pool;
use crate::tensors::Values;

/// An output: its name, its datatype, and what it holds for each input.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) datatype: &'static str,
    of: fn(&[Answer<'_>]) -> Values,
}

/// The last one is told only where it is named.
pub(crate) const COLUMNS: [Column; 10] = [
    column("class", "INT64", |all| {
        Values::Int64(each(all, |a| a.class.map_or(-1, |class| i64::try_from(class).unwrap_or(-1))))
    }),
    column("class_name", "BYTES", |all| {
        Values::Text(each(all, |a| a.class_name().unwrap_or_default().to_owned()))
    }),
    column("radius", "FP64", |all| Values::Fp64(each(all, |a| a.radius))),
    column("expert", "BYTES", |all| {
        Values::Text(each(all, |a| {
            a.expert().map_or_else(String::new, |(name, _)| name.to_owned())
        }))
    }),
    column("route_radius", "FP64", |all| {
        Values::Fp64(each(all, |a| a.route_radius().unwrap_or(-1.0)))
    }),
    column("abstained", "BOOL", |all| Values::Bool(each(all, |a| a.class.is_none()))),
    column("draws", "UINT64", |all| Values::Uint64(each(all, |a| a.certificate.draws()))),
    column("cut", "BOOL", |all| Values::Bool(each(all, |a| a.certificate.cut))),
    column("seed", "BYTES", |all| Values::Text(each(all, |a| a.seed()))),
    column(CERTIFICATE, "BYTES", |all| Values::Text(each(all, |a| a.record()))),
];

/// The output that is the whole record.
const CERTIFICATE: &str = "certificate";

const fn column(
    name: &'static str,
    datatype: &'static str,
    of: fn(&[Answer<'_>]) -> Values,
) -> Column {
    Column { name, datatype, of }
}

fn each<T>(all: &[Answer<'_>], of: impl FnMut(&Answer<'_>) -> T) -> Vec<T> {
    all.iter().map(of).collect()
}

/// What one input gave, as it is told.
pub(crate) struct Answer<'a> {
    pool: &'a Pool,
    pub(crate) certificate: &'a Certificate,
    pub(crate) class: Option<usize>,
    /// About the input that was sent.
    pub(crate) radius: f64,
    answered: &'a Answered,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(pool: &'a Pool, answered: &'a Answered) -> Self {
        let Answered { certificate, distance, .. } = answered;
        let verdict = &certificate.verdict;
        let radius = about(verdict.radius.get(), *distance);
        Self { pool, certificate, class: verdict.class.filter(|_| radius > 0.0), radius, answered }
    }

    /// Within this distance the route holds; `None` where nothing depends on one.
    pub(crate) fn route_radius(&self) -> Option<f64> {
        let route = self.certificate.verdict.route_radius;
        route.map(|route| about(route.get(), self.answered.distance))
    }

    pub(crate) fn class_name(&self) -> Option<&'a str> {
        self.pool.class_name(self.class)
    }

    /// Name and sigma of the expert that the input is routed to.
    pub(crate) fn expert(&self) -> Option<(&'a str, f64)> {
        self.pool.expert(self.certificate.verdict.expert)
    }

    /// The whole record, a line as `drs route --json` writes it: `drs verify` takes it.
    pub(crate) fn record(&self) -> String {
        let Answered { certificate, seconds, latency, name, .. } = self.answered;
        let expert = self.expert();
        let line = drs_analysis::Answer {
            image: name.as_str().into(),
            conversion: self.answered.note.clone(),
            class: self.pool.class_name(certificate.verdict.class).map(Into::into),
            expert: expert.map(|(name, _)| name.into()),
            sigma: expert.map(|(_, sigma)| sigma),
            seconds: *seconds,
            latency: Some(*latency),
            certificate: Cow::Borrowed(certificate),
        };
        serde_json::to_string(&line).unwrap_or_default()
    }

    pub(crate) fn seed(&self) -> String {
        let provenance = self.certificate.provenance.as_ref();
        provenance.map_or_else(String::new, |provenance| provenance.seed.to_string())
    }
}

/// A radius about an input that lies so far from the one that it was certified for.
fn about(radius: f64, distance: f64) -> f64 {
    if distance > 0.0 { (radius - distance).next_down().max(0.0) } else { radius }
}

impl Pool {
    pub(crate) fn class_name(&self, class: Option<usize>) -> Option<&str> {
        class.and_then(|class| self.router.classes().get(class)).map(String::as_str)
    }

    pub(crate) fn expert(&self, expert: Option<usize>) -> Option<(&str, f64)> {
        let expert = expert.and_then(|expert| self.router.pool().experts.get(expert))?;
        Some((&expert.name, expert.sigma.get()))
    }
}

/// What ends the radius, in a word.
pub(crate) fn binds(binds: Option<Binds>) -> Option<&'static str> {
    binds.map(|binds| match binds {
        Binds::Route => "route",
        Binds::Class => "class",
    })
}

/// The columns that are wanted, in the order in which they were named.
pub(crate) fn wanted(names: &[String]) -> Result<Vec<&'static Column>, Refusal> {
    if names.is_empty() {
        return Ok(COLUMNS.iter().filter(|column| column.name != CERTIFICATE).collect());
    }
    // Each once: what an answer takes is bounded by what there is.
    if names.len() > COLUMNS.len() {
        let (found, most) = (names.len(), COLUMNS.len());
        return Err(Refusal::invalid(format!("{found} outputs found, expected at most {most}")));
    }
    if let Some((_, name)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name))
    {
        return Err(Refusal::invalid(format!("output {name}: named twice, expected once")));
    }
    let find = |name: &String| {
        COLUMNS.iter().find(|column| column.name == name).ok_or_else(|| {
            let all = COLUMNS.each_ref().map(|column| column.name).join(", ");
            Refusal::new(Kind::Invalid, format!("output {name}: no such output, expected {all}"))
        })
    };
    names.iter().map(find).collect()
}

/// The outputs of a request.
pub(crate) fn outputs(pool: &Pool, answered: &[Answered], wanted: &[&Column]) -> Vec<Output> {
    let all: Vec<Answer<'_>> = answered.iter().map(|each| Answer::new(pool, each)).collect();
    let output = |column: &&Column| Output {
        name: column.name,
        values: (column.of)(&all),
        count: all.len(),
    };
    wanted.iter().map(output).collect()
}
