//! `drs expert`: plugins, looked at from a safe distance.

mod check;
mod child;
mod inspect;
mod list;
mod measure;
mod new;
mod pin;
mod subject;

use crate::args::{ExpertArgs, ExpertCommand};
use crate::exit;

pub(crate) fn run(args: &ExpertArgs) -> anyhow::Result<u8> {
    match &args.command {
        ExpertCommand::Inspect(args) => inspect::run(args)?,
        ExpertCommand::Check(args) => return check::run(args),
        ExpertCommand::List(args) => list::run(args)?,
        ExpertCommand::New(args) => new::run(args)?,
        ExpertCommand::Pin(args) => return pin::run(args),
        ExpertCommand::Child(args) => child::run(args)?,
    }
    Ok(exit::SUCCESS)
}
