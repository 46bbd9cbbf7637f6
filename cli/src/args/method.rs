//! The method that `certify` and `route` take.

use drs_run::MethodName;

/// How bounds become a radius.
#[derive(Debug, clap::Args)]
pub(crate) struct MethodArgs {
    /// dual, set, maxmin, blend, multiscale, or one:NAME for one expert alone [default: maxmin; in a
    /// pool of one expert and no router, that expert].
    #[arg(long, visible_alias = "rule")]
    pub(crate) method: Option<MethodName>,
}
