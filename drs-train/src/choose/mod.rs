//! `drs train choose`: the terms of the blended rule, the router and the split of α, by
//! what they certify on held-out inputs.

mod held_out;
mod search;

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use drs_core::certificate::{FileRecord, ModelRecord};
use drs_core::rule::Term;
use drs_progress::out;
use drs_router::{Config as Pool, NamedTerm, Options, Router};

use crate::config;
use crate::labels::Header;
use crate::pool::PoolFile;
use crate::router::{self, By};
use crate::threads;

use held_out::HeldOut;
use search::search;

/// What to choose from.
#[derive(Debug, Clone)]
pub struct Choose {
    /// Folders of router runs, with the same labels and held-out inputs.
    pub routers: Vec<PathBuf>,
    /// The pool: experts.toml.
    pub experts: PathBuf,
    /// The figure of merit.
    pub by: By,
    /// Votes of each router on each held-out input.
    pub draws: usize,
    /// Draws of a certificate, which the terms are for; shares of fewer votes stand for them.
    pub n: u64,
    /// Candidates to try.
    pub tries: usize,
    /// Of the search.
    pub seed: u64,
    /// The experts.toml to write.
    pub out: PathBuf,
}

/// The router's shares of α that are tried.
const SHARES: [f64; 3] = [0.3, 0.5, 0.7];

/// What was found.
struct Choice {
    merit: f64,
    router: PathBuf,
    share: f64,
    terms: Vec<Term>,
    accuracies: Vec<f64>,
}

/// Chooses, prints what was found, and writes it.
///
/// # Errors
/// If a file cannot be read or written, or the runs do not belong together.
pub fn choose(choose: &Choose) -> anyhow::Result<()> {
    let pool = Pool::read(&choose.experts)?;
    let found = threads::kept(|| Router::open(&pool, &Options::new(1)))
        .with_context(|| choose.experts.display().to_string())?
        .experts()
        .to_vec();
    let experts: Vec<String> = found.iter().map(|expert| expert.name.clone()).collect();
    let mut best: Option<Choice> = None;
    let mut first: Option<router::Config> = None;
    for run in &choose.routers {
        let settings: router::Config = config::read(&run.join("settings.toml"), &[])?;
        let model = run.join("model.safetensors");
        let header = Header::read(&settings.labels)?;
        check_experts(&found, &header.experts).with_context(|| {
            format!("{} and {}", settings.labels.display(), choose.experts.display())
        })?;
        let mut held_out = HeldOut::read(&settings, &model, choose.draws, choose.n)?;
        let parts = |run: &router::Config| (run.hold_out, run.hold_out_seed, run.radius);
        let first = first.get_or_insert_with(|| settings.clone());
        ensure!(
            settings.labels == first.labels && parts(&settings) == parts(first),
            "{}: its labels or held-out inputs are not those of the other runs",
            run.display()
        );
        for share in SHARES {
            held_out.split(share)?;
            let radii = &settings.select.radii;
            let envelope = held_out.envelope(radii);
            let merit = |accuracies: &[f64]| merit(accuracies, &envelope, choose.by);
            let start = settings.blend.iter().map(|term| {
                let names: Vec<&str> = experts.iter().map(String::as_str).collect();
                term.term(&names).map_err(anyhow::Error::msg)
            });
            let start = start.collect::<anyhow::Result<Vec<_>>>()?;
            let (merit, terms) = search(&held_out, radii, start, &merit, choose.tries, choose.seed);
            if best.as_ref().is_none_or(|best| merit > best.merit) {
                let accuracies = held_out.accuracies(&terms, radii);
                best = Some(Choice { merit, router: model.clone(), share, terms, accuracies });
            }
        }
    }
    let best = best.context("no router to choose from")?;
    let terms: Vec<NamedTerm> = best.terms.iter().map(|term| named(term, &experts)).collect();
    out!(
        "merit {:.4} on held-out inputs, shares of votes taken for those of {}",
        best.merit,
        choose.n
    )?;
    out!("certified accuracy {}", shown(&best.accuracies))?;
    out!("router {}, its share of alpha {}", best.router.display(), best.share)?;
    let mut file = PoolFile::from(&choose.experts)?;
    if best.terms.iter().any(|term| term.route.is_some()) {
        file.set_router(&best.router)?;
        file.set_route_share(best.share);
    }
    file.set_blend(&terms)?;
    file.write(&choose.out)
}

/// Labels and pool must be of the same models; the plugin may be another build.
fn check_experts(found: &[ModelRecord], labelled: &[ModelRecord]) -> anyhow::Result<()> {
    let names = |records: &[ModelRecord]| {
        let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
        names.join(", ")
    };
    let (pool, labels) = (names(found), names(labelled));
    ensure!(pool == labels, "the pool has the experts {pool}, the labels are of {labels}");
    for (found, labelled) in found.iter().zip(labelled) {
        ensure!(
            (found.sigma, &found.files) == (labelled.sigma, &labelled.files),
            "expert {}: the labels are votes of another model: draw them again (sigma {}, {} found; sigma {}, {} labelled)",
            found.name,
            found.sigma.get(),
            files(found),
            labelled.sigma.get(),
            files(labelled),
        );
    }
    Ok(())
}

fn files(record: &ModelRecord) -> String {
    let file = |file: &FileRecord| format!("{} {}", file.name, file.sha256);
    record.files.iter().map(file).collect::<Vec<_>>().join(", ")
}

fn shown(accuracies: &[f64]) -> String {
    let each: Vec<String> = accuracies.iter().map(|a| format!("{:.1}", 100.0 * a)).collect();
    each.join(" ")
}

/// See [`By`].
fn merit(accuracies: &[f64], envelope: &[f64], by: By) -> f64 {
    match by {
        By::Mean => accuracies.iter().sum::<f64>() / accuracies.len() as f64,
        By::Worst => {
            let ahead = accuracies.iter().zip(envelope).map(|(own, best)| own - best);
            ahead.fold(f64::INFINITY, f64::min)
        }
    }
}

fn named(term: &Term, experts: &[String]) -> NamedTerm {
    let weights = experts.iter().cloned().zip(term.weights.iter().copied());
    let name = |&expert: &usize| experts[expert].clone();
    NamedTerm {
        weights: weights.filter(|(_, weight)| *weight > 0).collect(),
        offset: term.offset,
        cap: term.cap,
        route: term.route.as_ref().map(|set| set.iter().map(name).collect()),
    }
}
