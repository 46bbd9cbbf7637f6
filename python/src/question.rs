//! What is asked, from keyword arguments of Python, which come as JSON.

use drs_core::noise::Seed;
use drs_core::pool::Pool;
use drs_core::protocol::{AlphaSplit, Bounding, MOST_DRAWS, Method, Protocol};
use drs_core::sampling::{Sampling, Sequential, Stopping};
use drs_core::units::Alpha;
use drs_run::{Chosen, MethodName};
use pyo3::prelude::*;
use serde::Deserialize;

use crate::{runtime_error, value_error};

/// Keyword arguments; the names are the command line's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    method: Option<String>,
    n0: u64,
    n: u64,
    alpha: f64,
    two_sided: bool,
    sampling: Kind,
    radii: Option<Vec<f64>>,
    tol: Option<f64>,
    /// A number or hexadecimal digits.
    seed: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Fixed,
    Sequential,
}

/// A question, but for what it is about.
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) protocol: Protocol,
    pub(crate) seed: Option<Seed>,
}

impl Asked {
    pub(crate) fn parse(json: &str) -> PyResult<Self> {
        serde_json::from_str(json).map_err(value_error)
    }

    /// The question to a pool; `split` is how its experts.toml shares α, `usual` when to stop if
    /// nothing else is asked for.
    pub(crate) fn question(
        &self,
        pool: &Pool,
        split: AlphaSplit,
        usual: Stopping,
    ) -> PyResult<Question> {
        for (name, found) in [("n0", self.n0), ("n", self.n)] {
            if !(1..=MOST_DRAWS).contains(&found) {
                return Err(value_error(format!(
                    "{name} = {found} found, expected 1 to {MOST_DRAWS}"
                )));
            }
        }
        let alpha =
            Alpha::new(self.alpha).map_err(|error| value_error(format!("alpha: {error}")))?;
        let bounding = if self.two_sided { Bounding::TwoSided } else { Bounding::OneSided };
        let sampling = self.sampling(usual)?;
        let protocol = Protocol { n0: self.n0, n: self.n, sampling, alpha, bounding, split };
        protocol.sampling.validate().map_err(value_error)?;
        let name = self.method.as_deref().map(str::parse::<MethodName>).transpose();
        let name = name.map_err(|problem| {
            let found = self.method.as_deref().unwrap_or_default();
            value_error(format!("method = \"{found}\" found, {problem}"))
        })?;
        // Options are named as on the command line; here they are arguments.
        let plain =
            |error: drs_run::RunError| value_error(error.in_full().replace("--method", "method"));
        let Chosen { method, .. } = Chosen::new(name.as_ref(), pool, &protocol).map_err(plain)?;
        Ok(Question { method, protocol, seed: self.seed()? })
    }

    fn sampling(&self, usual: Stopping) -> PyResult<Sampling> {
        let stopping = match (&self.radii, self.tol) {
            (Some(_), Some(_)) => {
                return Err(value_error("radii and tol: both found, expected one"));
            }
            (Some(radii), None) => Some(Stopping::Radii(radii.clone())),
            (None, Some(share)) => Some(Stopping::Tolerance(share)),
            (None, None) => None,
        };
        match (self.sampling, stopping) {
            (Kind::Fixed, None) => Ok(Sampling::Fixed),
            (Kind::Fixed, Some(_)) => Err(value_error(
                "radii and tol say when to stop, but sampling=\"fixed\" takes all draws: use sampling=\"sequential\"",
            )),
            (Kind::Sequential, stopping) => {
                Ok(Sampling::Sequential(Sequential::new(stopping.unwrap_or(usual))))
            }
        }
    }

    fn seed(&self) -> PyResult<Option<Seed>> {
        let parse = |text: &String| text.parse::<Seed>().map_err(value_error);
        self.seed.as_ref().map(parse).transpose()
    }
}

/// A seed from the system's entropy.
pub(crate) fn fresh() -> PyResult<Seed> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| runtime_error(format!("no entropy from the system: {error}")))?;
    Ok(Seed::from_bytes(bytes))
}
