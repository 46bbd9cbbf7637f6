//! A question in named arguments, as doors other than the command line take it.

use drs_core::noise::Seed;
use drs_core::pool::Pool;
use drs_core::protocol::{AlphaSplit, Bounding, MOST_DRAWS, Method, Protocol};
use drs_core::sampling::{Sampling, Sequential, Stopping};
use drs_core::units::Alpha;
use serde::Deserialize;

use crate::error::RunError;
use crate::method::{Chosen, MethodName};

/// A question in named arguments; the names are the command line's, and so are the defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Arguments {
    /// As [`MethodName`] reads it; without it, as [`Chosen`] has it.
    pub method: Option<String>,
    /// Draws that select.
    pub n0: u64,
    /// Draws that estimate, at the most.
    pub n: u64,
    /// The probability with which an answer may be wrong.
    pub alpha: f64,
    /// Bound the runner-up too.
    pub two_sided: bool,
    /// Whether all n draws are taken.
    pub sampling: Kind,
    /// Stop when it is decided at which of these radii the input is certified.
    pub radii: Option<Vec<f64>>,
    /// The same for one radius.
    pub radius: Option<f64>,
    /// Stop when more draws could raise the radius by this share of it at the most.
    pub tol: Option<f64>,
    /// A number or hexadecimal digits.
    pub seed: Option<String>,
}

/// How many draws are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// All.
    Fixed,
    /// As many as the question needs.
    #[default]
    Sequential,
}

/// A question, but for what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Of which classifier.
    pub method: Method,
    /// How many draws, at which level.
    pub protocol: Protocol,
    /// What the noise is addressed by, if that was asked for.
    pub seed: Option<Seed>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            method: None,
            n0: 100,
            n: 10_000,
            alpha: 0.001,
            two_sided: false,
            sampling: Kind::default(),
            radii: None,
            radius: None,
            tol: None,
            seed: None,
        }
    }
}

impl Arguments {
    /// The question to a pool; `split` is how its experts.toml shares α, `usual` when to stop if
    /// nothing else is asked for.
    ///
    /// # Errors
    /// In words: which argument, what was found, what was expected.
    pub fn question(
        &self,
        pool: &Pool,
        split: AlphaSplit,
        usual: Stopping,
    ) -> Result<Question, String> {
        for (name, found) in [("n0", self.n0), ("n", self.n)] {
            if !(1..=MOST_DRAWS).contains(&found) {
                return Err(format!("{name} = {found} found, expected 1 to {MOST_DRAWS}"));
            }
        }
        let alpha = Alpha::new(self.alpha).map_err(|error| format!("alpha: {error}"))?;
        let bounding = if self.two_sided { Bounding::TwoSided } else { Bounding::OneSided };
        let sampling = self.sampling(usual)?;
        let protocol = Protocol { n0: self.n0, n: self.n, sampling, alpha, bounding, split };
        protocol.sampling.validate().map_err(|error| error.to_string())?;
        let name = self.method.as_deref().map(str::parse::<MethodName>).transpose();
        let name = name.map_err(|problem| {
            let found = self.method.as_deref().unwrap_or_default();
            format!("method = \"{found}\" found, {problem}")
        })?;
        // Options are named as on the command line; here they are arguments.
        let plain = |error: RunError| error.in_full().replace("--method", "method");
        let Chosen { method, .. } = Chosen::new(name.as_ref(), pool, &protocol).map_err(plain)?;
        Ok(Question { method, protocol, seed: self.seed()? })
    }

    fn sampling(&self, usual: Stopping) -> Result<Sampling, String> {
        let mut asked = [
            self.radii.clone().map(|radii| ("radii", Stopping::Radii(radii))),
            self.radius.map(|radius| ("radius", Stopping::Radii(vec![radius]))),
            self.tol.map(|share| ("tol", Stopping::Tolerance(share))),
        ]
        .into_iter()
        .flatten();
        let stopping = asked.next();
        if let (Some((one, _)), Some((other, _))) = (&stopping, asked.next()) {
            return Err(format!("{one} and {other}: both found, expected one"));
        }
        match (self.sampling, stopping) {
            (Kind::Fixed, None) => Ok(Sampling::Fixed),
            (Kind::Fixed, Some((name, _))) => Err(format!(
                "{name} says when to stop, but sampling = \"fixed\" takes all draws: ask for sampling = \"sequential\""
            )),
            (Kind::Sequential, stopping) => {
                let stopping = stopping.map_or(usual, |(_, stopping)| stopping);
                Ok(Sampling::Sequential(Sequential::new(stopping)))
            }
        }
    }

    fn seed(&self) -> Result<Option<Seed>, String> {
        let parse = |text: &String| text.parse::<Seed>().map_err(|error| format!("seed: {error}"));
        self.seed.as_ref().map(parse).transpose()
    }
}
