//! Logs of full certificates, one JSON object per line.

use std::borrow::Cow;
use std::io::BufRead;

use drs_core::certificate::{Certificate, ModelRecord};
use serde::{Deserialize, Serialize};

use super::{Draws, Routing, Row};
use crate::decided::Decided;

/// One line of the `.jsonl` file that `drs certify` writes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record<'a> {
    /// Index of the input in its data set.
    pub idx: usize,
    /// True class, if it is known.
    pub label: Option<usize>,
    /// Where the input came from: a path, or the index.
    pub input: Cow<'a, str>,
    /// What was done to the file's pixels before anything else, in words; `None` if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion: Option<String>,
    /// Whether the certified class is the true one, if that is known.
    pub correct: Option<bool>,
    /// Its share of the machine, models and noise, in seconds.
    pub time: f64,
    /// Seconds from its start to its end; none in records that were made before version 5,
    /// whose `time` was this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<f64>,
    /// The certificate.
    pub certificate: Cow<'a, Certificate>,
}

/// Rows with their lines, and what all of them together decide.
pub(super) fn rows(text: impl BufRead) -> Result<(Vec<(u64, Row)>, Decided), String> {
    let mut rows = Vec::new();
    let mut decided = Decided::Everywhere;
    for (line, text) in (1..).zip(drs_memory::lines(text)) {
        let text = text.map_err(|error| format!("line {line}: {error}"))?;
        let text = String::from_utf8(text).map_err(|_| format!("line {line}: not UTF-8 text"))?;
        let text = if line == 1 { text.trim_start_matches('\u{feff}') } else { &text };
        if text.trim().is_empty() {
            continue;
        }
        let record: Record<'_> =
            serde_json::from_str(text).map_err(|error| format!("line {line}: {error}"))?;
        decided = decided.and(Decided::of(&record.certificate));
        rows.push((line, record.row()));
    }
    Ok((rows, decided))
}

impl Record<'_> {
    fn row(&self) -> Row {
        let certificate = &*self.certificate;
        let verdict = &certificate.verdict;
        Row {
            index: self.idx,
            label: self.label,
            predict: verdict.class,
            radius: verdict.radius.get(),
            seconds: self.latency.and(Some(self.time)),
            draws: Some(certificate.draws()),
            routing: Some(Routing {
                expert: verdict.expert.map(|expert| {
                    let model = model(certificate, expert);
                    model.map_or_else(|| expert.to_string(), |model| model.name.clone())
                }),
                sigma: verdict
                    .expert
                    .and_then(|expert| Some(model(certificate, expert)?.sigma.get())),
                route_radius: verdict.route_radius.map_or(f64::INFINITY, |radius| radius.get()),
                class_radius: verdict.class_radius.get(),
                binds: verdict.binds,
                set: Some(verdict.set.len()),
                stages: certificate
                    .stages
                    .iter()
                    .map(|stage| Draws {
                        model: stage.model.clone(),
                        phase: stage.phase,
                        count: stage.draws(),
                    })
                    .collect(),
            }),
        }
    }
}

/// Experts follow the router, if there is one, in the list of models.
fn model(certificate: &Certificate, expert: usize) -> Option<&ModelRecord> {
    let models = certificate.provenance.iter().flat_map(|provenance| &provenance.models);
    models.filter(|model| model.name != "router").nth(expert)
}
