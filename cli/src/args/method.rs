//! The method that `certify` and `route` take.

use clap::ValueEnum;
use drs_core::protocol::Method;

/// How bounds become a radius.
#[derive(Debug, clap::Args)]
pub(crate) struct MethodArgs {
    /// dual, set, maxmin, blend, multiscale, or one:NAME for one expert alone [default: maxmin; in a
    /// pool of one expert and no router, that expert].
    #[arg(long, visible_alias = "rule", value_parser = parse_method)]
    pub(crate) method: Option<MethodName>,
}

/// A method, its expert still by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MethodName {
    One(String),
    Multiscale,
    Routed(Rule),
}

/// A routing rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rule {
    /// The paper's: the route and the class must both hold.
    Dual,
    /// The route must stay within a set of experts that agree.
    Set,
    /// The strongest claim on the label, whatever the route.
    Maxmin,
    /// The strongest of experts.toml's own terms.
    Blend,
}

impl From<Rule> for Method {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Dual => Self::Dual,
            Rule::Set => Self::Set,
            Rule::Maxmin => Self::MaxMin,
            Rule::Blend => Self::Blend,
        }
    }
}

fn parse_method(text: &str) -> Result<MethodName, String> {
    match text.strip_prefix("one:") {
        Some(name) if !name.is_empty() => Ok(MethodName::One(name.to_owned())),
        _ if text == "multiscale" => Ok(MethodName::Multiscale),
        _ => Rule::from_str(text, false)
            .map(MethodName::Routed)
            .map_err(|_| "expected dual, set, maxmin, blend, multiscale or one:NAME".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_read() {
        assert_eq!(parse_method("one:s025"), Ok(MethodName::One("s025".into())));
        assert_eq!(parse_method("set"), Ok(MethodName::Routed(Rule::Set)));
        assert!(parse_method("one:").is_err());
        assert!(parse_method("best").is_err());
    }
}
