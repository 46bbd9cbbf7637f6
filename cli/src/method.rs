//! The method that was asked for, or the one that the pool is made for.

use drs_core::certify::{check, name};
use drs_core::pool::Pool;
use drs_core::protocol::{Method, Protocol, ProtocolError};
use drs_progress::say;

use crate::args::MethodName;
use crate::usage::wrong_usage;

/// The method asked for, checked against pool and protocol. Without one asked for: `maxmin` where
/// there is a router, else the only expert.
pub(crate) fn method(
    asked: Option<&MethodName>,
    pool: &Pool,
    protocol: &Protocol,
) -> anyhow::Result<Method> {
    let method = match asked {
        Some(asked) => named(asked, pool)?,
        None if pool.router.is_some() => Method::MaxMin,
        None if pool.experts.len() == 1 => {
            let only = Method::One(0);
            say!(
                "note: the pool is one expert without a router: --method {} is taken",
                name(pool, only)
            );
            only
        }
        None => wrong_usage!(
            "the pool has {} experts and no router: choose a --method, {}",
            pool.experts.len(),
            works(pool, protocol)
        ),
    };
    match check(pool, method, protocol) {
        Ok(()) => Ok(method),
        Err(error @ ProtocolError::Pool(_)) => {
            wrong_usage!("{error}; with this pool --method may be {}", works(pool, protocol))
        }
        Err(error) => Err(error.into()),
    }
}

fn named(asked: &MethodName, pool: &Pool) -> anyhow::Result<Method> {
    Ok(match asked {
        MethodName::Routed(rule) => (*rule).into(),
        MethodName::Multiscale => Method::Multiscale,
        MethodName::One(name) => {
            let index = pool.experts.iter().position(|expert| expert.name == *name);
            let Some(index) = index else {
                let names: Vec<&str> = pool.experts.iter().map(|e| e.name.as_str()).collect();
                wrong_usage!(
                    "--method one:{name}: no such expert, expected one of {}",
                    names.join(", ")
                );
            };
            Method::One(index)
        }
    })
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
