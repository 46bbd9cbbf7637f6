//! What a record says was certified, and with which models.

use std::collections::HashSet;

use super::Rejection;
use crate::certificate::{Certificate, ModelRecord, Provenance, RECORD_VERSION};
use crate::certify::name;
use crate::pool::{Model, Pool};
use crate::protocol::Method;
use crate::text::is_name;

/// The name of the router in records; no expert may have it.
const ROUTER: &str = "router";

/// The pool and the method of a certificate, rebuilt from it alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The models as the statistics see them.
    pub pool: Pool,
    /// The method.
    pub method: Method,
}

impl Statement {
    /// # Errors
    /// If the record is of another version, lacks what the pool is rebuilt from, or
    /// contradicts itself there.
    pub fn of(certificate: &Certificate) -> Result<Self, Rejection> {
        if certificate.version != RECORD_VERSION {
            let found = certificate.version.to_string();
            let expected = format!("{RECORD_VERSION}, the version that this program writes");
            return Err(Rejection::new("version", found, expected));
        }
        let Some(provenance) = &certificate.provenance else {
            let expected = "input, seed and models, without which nothing can be recomputed";
            return Err(Rejection::new("provenance", "nothing", expected));
        };
        let Some(classes) = certificate.classes else {
            return Err(Rejection::new("classes", "nothing", "the number of classes"));
        };
        let pool = pool(provenance, classes, certificate)?;
        let method = method(&pool, &certificate.method)?;
        options(certificate, &pool)?;
        Ok(Self { pool, method })
    }
}

fn pool(
    provenance: &Provenance,
    classes: usize,
    certificate: &Certificate,
) -> Result<Pool, Rejection> {
    let mut names = HashSet::new();
    let mut models = Vec::with_capacity(provenance.models.len());
    for (place, record) in provenance.models.iter().enumerate() {
        let field = format!("provenance.models[{place}]");
        let ModelRecord { name, sigma, .. } = record;
        if !names.insert(name) {
            return Err(Rejection::new(field + ".name", format!("\"{name}\" again"), "another"));
        }
        if !is_name(name) {
            let expected = "letters, digits, '_', '-' and '.'";
            return Err(Rejection::new(field + ".name", format!("{name:?}"), expected));
        }
        if name == ROUTER && place > 0 {
            let expected = "the experts by name, after the router if there is one";
            return Err(Rejection::new(field + ".name", format!("\"{name}\""), expected));
        }
        let (shape, quantum) = (provenance.input.shape, provenance.input.quantum);
        let model = Model::on_lattice(name.clone(), *sigma, shape, quantum);
        let noise = |error: crate::noise::NoiseError| {
            Rejection::new(format!("{field}.sigma"), error.to_string(), "noise that fits")
        };
        models.push(model.map_err(noise)?);
    }
    let has_router = models.first().is_some_and(|model| model.name == ROUTER);
    let experts = models.split_off(usize::from(has_router));
    if experts.is_empty() {
        return Err(Rejection::new("provenance.models", "no expert", "at least one"));
    }
    Ok(Pool { router: models.pop(), experts, classes, blend: certificate.blend.clone() })
}

/// Votes are over all options of their model. So a record is never smaller than what is
/// reserved to judge it, unless it has no votes at all.
fn options(certificate: &Certificate, pool: &Pool) -> Result<(), Rejection> {
    for (place, stage) in certificate.stages.iter().enumerate() {
        let expected = if stage.model == ROUTER { pool.experts.len() } else { pool.classes };
        let looks = stage.looks.iter().map(|look| look.counts().len());
        if let Some((look, found)) = looks.enumerate().find(|(_, found)| *found != expected) {
            let field = format!("stages[{place}].looks[{look}]");
            return Err(Rejection::new(field, format!("{found} counts"), expected.to_string()));
        }
    }
    Ok(())
}

fn method(pool: &Pool, text: &str) -> Result<Method, Rejection> {
    let routed = [Method::Multiscale, Method::Dual, Method::Set, Method::MaxMin, Method::Blend];
    let alone = (0..pool.experts.len()).map(Method::One);
    let mut all = routed.into_iter().chain(alone);
    all.find(|method| name(pool, *method) == text).ok_or_else(|| {
        let experts: Vec<&str> = pool.experts.iter().map(|model| model.name.as_str()).collect();
        let expected = format!(
            "multiscale, dual, set, maxmin, blend or one:NAME with one of {}",
            experts.join(", ")
        );
        Rejection::new("method", format!("\"{text}\""), expected)
    })
}
