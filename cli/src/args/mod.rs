//! The command line: a file for each command, and for what several share.

mod analyze;
mod bench;
mod certify;
mod data;
mod doctor;
mod draws;
mod expert;
mod init;
mod install;
mod logs;
mod merge;
mod method;
mod package;
mod parse;
mod plan;
mod plot;
mod pool;
mod report;
mod route;
#[cfg(feature = "serve")]
mod serve;
mod shell;
mod verify;

use std::ffi::OsString;

use clap::{Arg, ArgAction, Parser, Subcommand};
use drs_memory::Bytes;

pub(crate) use analyze::{AnalyzeArgs, COMPARE};
pub(crate) use bench::BenchArgs;
pub(crate) use certify::CertifyArgs;
pub(crate) use data::DataArgs;
pub(crate) use doctor::DoctorArgs;
pub(crate) use draws::DrawArgs;
pub(crate) use expert::{
    CheckArgs, ChildArgs, ExpertArgs, ExpertCommand, InspectArgs, ListArgs, NewArgs, PinArgs,
    SubjectArgs,
};
pub(crate) use init::{InitArgs, Named, Sigma};
pub(crate) use install::{ConsentArgs, FromIndex, InstallArgs, LockArgs, Source, UpdateArgs};
pub(crate) use logs::{Format, LogArg, LogArgs};
pub(crate) use merge::MergeArgs;
pub(crate) use method::MethodArgs;
pub(crate) use package::{
    ForgetArgs, IndexArgs, InfoArgs, KeygenArgs, PackArgs, RemoveArgs, SignArgs,
    VerifyInstalledArgs, WheelArgs,
};
pub(crate) use parse::{parse_shape, parse_sigma};
pub(crate) use plan::PlanArgs;
pub(crate) use plot::PlotArgs;
pub(crate) use pool::PoolArgs;
pub(crate) use report::ReportArgs;
pub(crate) use route::RouteArgs;
#[cfg(feature = "serve")]
pub(crate) use serve::ServeArgs;
pub(crate) use shell::{CompletionsArgs, ManArgs};
pub(crate) use verify::{InputArgs, VerifyArgs};

/// Certified predictions from a fleet of experts.
///
/// Each input is routed to one of several smoothed experts, and the whole
/// decision is certified: a class, and an L2 radius within which it cannot change.
#[derive(Debug, Parser)]
#[command(name = "drs", version, max_term_width = 100, arg = verbose())]
pub(crate) struct Args {
    /// Memory that files may take when they are read, all together, such as 4GiB. What would take
    /// more is an error. DRS_MEMORY says the same [default: a quarter of the machine's, of the
    /// container's or of ulimit -v, 1.5 GiB at the most].
    #[arg(long, value_name = "SIZE", global = true, hide_short_help = true)]
    pub(crate) memory: Option<Bytes>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// No field, since nobody reads it: `--version` ends the parsing before.
fn verbose() -> Arg {
    Arg::new("verbose")
        .long("verbose")
        .action(ArgAction::SetTrue)
        .requires("version")
        .hide_short_help(true)
        .help("With --version: also the platform, features, plugins and drs-train")
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what is here, what is missing, and how to mend it.
    Doctor(DoctorArgs),
    /// Write an experts.toml from model files.
    Init(Box<InitArgs>),
    /// Route and certify images.
    ///
    /// No real-valued perturbation of the input shorter than the radius (L2, pixels from 0 to 1)
    /// changes the answer of the classifier that drs evaluates,
    /// g(x) = argmax P(f(round(x + noise)) = c). Router and experts are each smoothed in this way,
    /// and --method tells how their answers become one.
    Route(RouteArgs),
    /// Certify a data set.
    ///
    /// No real-valued perturbation of an input shorter than its radius (L2, pixels from 0 to 1)
    /// changes the answer of the classifier that drs evaluates,
    /// g(x) = argmax P(f(round(x + noise)) = c). Router and experts are each smoothed in this way,
    /// and --method tells how their answers become one.
    Certify(Box<CertifyArgs>),
    /// Put the shards of a run together.
    Merge(MergeArgs),
    /// Measure how fast the models are here, alone and with all that is around them.
    Bench(BenchArgs),
    /// Look at plugins: inspect, check, list, pin; begin a new one.
    Expert(ExpertArgs),
    /// Tables of certified accuracy from logs, ours or published ones.
    Analyze(AnalyzeArgs),
    /// Whether routing among some experts would pay, from their own logs.
    Plan(PlanArgs),
    /// Draw certified accuracy against radius.
    Plot(PlotArgs),
    /// Write one HTML file: curves, tables, and every input with its certificate.
    Report(ReportArgs),
    /// Check that certificates follow from their votes, and draw the votes again.
    Verify(VerifyArgs),
    /// Answer over the network: the Open Inference Protocol by REST and gRPC, and a page.
    ///
    /// The pool is the model `drs`; each expert's smoothed classifier is a model by its name.
    #[cfg(feature = "serve")]
    Serve(Box<ServeArgs>),
    /// Serve a plugin to the process that started this one.
    #[cfg(unix)]
    #[command(hide = true)]
    Worker,
    /// Print a script that completes drs commands in a shell.
    Completions(CompletionsArgs),
    /// Write manual pages.
    Man(ManArgs),
    /// Train experts and routers: `drs train --help` tells how.
    #[command(disable_help_flag = true)]
    Train(TrainArgs),
}

/// What drs-train is given.
#[derive(Debug, clap::Args)]
pub(crate) struct TrainArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    pub(crate) arguments: Vec<OsString>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }
}
