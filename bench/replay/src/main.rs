//! What sampling costs and certifies, method by method and question by
//! question, on one and the same set of votes.
//!
//! ```text
//! cargo run --release -p drs-replay -- published --skip 5 LOG=SIGMA...
//! cargo run --release -p drs-replay -- betting --skip 5 LOG=SIGMA...
//! cargo run --release -p drs-replay -- record --experts experts.toml --data DATA --out votes.jsonl
//! cargo run --release -p drs-replay -- recorded votes.jsonl
//! cargo run --release -p drs-replay -- judge votes.jsonl --router router.jsonl
//! ```

mod looks;
mod published;
mod recorded;
mod table;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "What sampling designs cost and certify, on the same votes")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Designs on published logs, without a model.
    Published(published::Args),
    /// Looks beside a betting e-process, on published logs.
    Betting(published::Args),
    /// Draw all votes of a pool on a data set, once.
    Record(recorded::RecordArgs),
    /// Methods under fixed N on recorded votes, experts' and routers' from several files.
    Judge(recorded::JudgeArgs),
    /// Methods and stopping rules on recorded votes.
    Recorded(recorded::CompareArgs),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Published(args) => published::run(&args),
        Command::Betting(args) => published::betting::run(&args),
        Command::Record(args) => recorded::record(&args),
        Command::Judge(args) => recorded::judge(&args),
        Command::Recorded(args) => recorded::compare(&args),
    }
}
