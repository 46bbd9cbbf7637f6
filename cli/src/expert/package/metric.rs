//! What certificates with a pool say, for its package: each is checked before it counts.

use std::io::BufReader;
use std::path::Path;

use anyhow::{Context as _, bail};
use drs_analysis::{Curve, Entry, Log, Run};
use drs_core::certificate::{Certificate, ModelRecord};
use drs_packages::Metric;

use super::pool::Known;
use crate::args::LogArg;

/// Certified accuracy is told at multiples of this radius.
const STEP: f64 = 0.25;
/// At so many radii, at the most.
const MOST: usize = 41;

/// The metric of a file of certificates that were made with these models.
pub(super) fn of(given: &LogArg, known: &[Known]) -> anyhow::Result<Metric> {
    let path = &given.path;
    let metric = read(path, known).with_context(|| path.display().to_string())?;
    let stem = || path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let data = given.name.clone().or_else(stem).unwrap_or_default();
    Ok(Metric { data, ..metric })
}

fn read(path: &Path, known: &[Known]) -> anyhow::Result<Metric> {
    let first = certificates(path, known)?;
    let log = Log::read(path)?;
    if !log.is_labelled() {
        bail!("expected the true class of every input: without, there is no accuracy");
    }
    let curve = Curve::of(&log);
    let radii: Vec<f64> =
        (0..MOST).map(|place| place as f64 * STEP).take_while(|&r| curve.count(r) > 0).collect();
    Ok(Metric {
        data: String::new(),
        inputs: curve.inputs() as u64,
        method: first.method,
        alpha: first.protocol.alpha.get(),
        certified_accuracy: radii.iter().map(|&radius| truncated(curve.accuracy(radius))).collect(),
        radii,
    })
}

/// Checks every certificate, and that all are of one run of this pool; the first one.
fn certificates(path: &Path, known: &[Known]) -> anyhow::Result<Certificate> {
    let mut first: Option<(Certificate, Run)> = None;
    let text = BufReader::new(drs_analysis::open(path)?);
    for (line, text) in (1..).zip(drs_memory::lines(text)) {
        let problem =
            |rejection: drs_core::verify::Rejection| anyhow::anyhow!("line {line}: {rejection}");
        let text = text.with_context(|| format!("line {line}"))?;
        let text = std::str::from_utf8(&text).with_context(|| format!("line {line}"))?;
        let entry = Entry::read(text).map_err(problem)?;
        entry.verify().map_err(problem)?;
        let run = Run::of(entry.certificate());
        match &first {
            None => {
                of_pool(entry.certificate(), known).with_context(|| format!("line {line}"))?;
                first = Some((entry.certificate().clone(), run));
            }
            Some((_, of_first)) => match run.difference(of_first) {
                None => {}
                Some(rejection) => return Err(problem(rejection)),
            },
        }
    }
    Ok(first.context("no certificate: the file is empty")?.0)
}

/// Whether it was made with models of this pool and no others.
fn of_pool(certificate: &Certificate, known: &[Known]) -> anyhow::Result<()> {
    let from = certificate.provenance.as_ref().context("it does not name its models")?;
    for model in &from.models {
        let Some(own) = known.iter().find(|own| own.name == model.name) else {
            bail!("model {}: the pool that is packed has none of this name", model.name);
        };
        if !is(own, model) {
            bail!(
                "model {}: its files, sigma or configuration are others than those that are packed",
                model.name
            );
        }
    }
    Ok(())
}

fn is(own: &Known, model: &ModelRecord) -> bool {
    let files: Vec<_> = model.files.iter().map(|file| file.sha256).collect();
    own.files == files && own.config == model.config_sha256 && own.sigma == model.sigma.get()
}

/// To four digits, never up.
fn truncated(share: f64) -> f64 {
    (share * 1e4).floor() / 1e4
}
