//! Which classifier is certified, where it is told in words or left to the pool.

use std::str::FromStr;

use drs_core::certify::{check, name};
use drs_core::pool::Pool;
use drs_core::protocol::{Method, Protocol, ProtocolError};

use crate::error::{RunError, wrong_usage};

/// A method, its expert still by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MethodName {
    /// One expert alone: `one:NAME`.
    One(String),
    /// One that needs no name.
    Other(Method),
}

/// A method that fits a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The method.
    pub method: Method,
    /// What the user should know of the choice, if it was left to the pool.
    pub note: Option<String>,
}

impl FromStr for MethodName {
    type Err = String;

    /// `dual`, `set`, `maxmin`, `blend`, `multiscale` or `one:NAME`.
    fn from_str(text: &str) -> Result<Self, String> {
        let other = match text.strip_prefix("one:") {
            Some(name) if !name.is_empty() => return Ok(Self::One(name.to_owned())),
            _ => match text {
                "dual" => Method::Dual,
                "set" => Method::Set,
                "maxmin" => Method::MaxMin,
                "blend" => Method::Blend,
                "multiscale" => Method::Multiscale,
                _ => {
                    return Err("expected dual, set, maxmin, blend, multiscale or one:NAME".into());
                }
            },
        };
        Ok(Self::Other(other))
    }
}

impl Chosen {
    /// The method asked for, checked against pool and protocol. Without one asked for: `maxmin`
    /// where there is a router, else the only expert.
    ///
    /// # Errors
    /// If it does not fit, or there are several experts without a router and nothing was asked for.
    pub fn new(
        asked: Option<&MethodName>,
        pool: &Pool,
        protocol: &Protocol,
    ) -> Result<Self, RunError> {
        let (method, note) = match asked {
            Some(MethodName::One(name)) => (one(name, pool)?, None),
            Some(MethodName::Other(method)) => (*method, None),
            None if pool.router.is_some() => (Method::MaxMin, None),
            None if pool.experts.len() == 1 => {
                let only = Method::One(0);
                let name = name(pool, only);
                let note =
                    format!("the pool is one expert without a router: --method {name} is taken");
                (only, Some(note))
            }
            None => wrong_usage!(
                "the pool has {} experts and no router: choose a --method, {}",
                pool.experts.len(),
                works(pool, protocol)
            ),
        };
        match check(pool, method, protocol) {
            Ok(()) => Ok(Self { method, note }),
            Err(error @ ProtocolError::Pool(_)) => {
                wrong_usage!("{error}; with this pool --method may be {}", works(pool, protocol))
            }
            Err(error) => Err(RunError::Answer(error.into())),
        }
    }
}

fn one(name: &str, pool: &Pool) -> Result<Method, RunError> {
    let Some(index) = pool.experts.iter().position(|expert| expert.name == name) else {
        let names: Vec<&str> = pool.experts.iter().map(|expert| expert.name.as_str()).collect();
        wrong_usage!("--method one:{name}: no such expert, expected one of {}", names.join(", "));
    };
    Ok(Method::One(index))
}

/// The methods that work with this pool, in words.
fn works(pool: &Pool, protocol: &Protocol) -> String {
    let one = (0..pool.experts.len()).map(Method::One);
    let rules = [Method::MaxMin, Method::Set, Method::Dual, Method::Blend, Method::Multiscale];
    let all = rules.into_iter().chain(one);
    let names: Vec<String> = all
        .filter(|&method| check(pool, method, protocol).is_ok())
        .map(|method| name(pool, method))
        .collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "none at all".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_read() {
        assert_eq!("one:s025".parse(), Ok(MethodName::One("s025".into())));
        assert_eq!("set".parse(), Ok(MethodName::Other(Method::Set)));
        assert_eq!("maxmin".parse(), Ok(MethodName::Other(Method::MaxMin)));
        assert!("one:".parse::<MethodName>().is_err());
        assert!("best".parse::<MethodName>().is_err());
    }
}
