//! `drs expert`: plugins, looked at from a safe distance; `package`: packages of them.

mod check;
mod child;
mod inspect;
mod list;
mod look;
mod measure;
mod new;
mod package;
mod pin;
mod subject;

pub(crate) use look::{Look, look};
pub(crate) use subject::{copies, opened};

use crate::args::{ExpertArgs, ExpertCommand};
use crate::exit;

pub(crate) fn run(args: &ExpertArgs) -> anyhow::Result<u8> {
    match &args.command {
        ExpertCommand::Inspect(args) => inspect::run(args)?,
        ExpertCommand::Check(args) => return check::run(args),
        ExpertCommand::List(args) => list::run(args)?,
        ExpertCommand::New(args) => new::run(args)?,
        ExpertCommand::Pin(args) => return pin::run(args),
        ExpertCommand::Pack(args) => return package::pack(args),
        ExpertCommand::Keygen(args) => package::keygen(args)?,
        ExpertCommand::Sign(args) => package::sign(args)?,
        ExpertCommand::Wheel(args) => package::wheel(args)?,
        ExpertCommand::Install(args) => package::install(args)?,
        ExpertCommand::Update(args) => package::update(args)?,
        ExpertCommand::Lock(args) => return package::lock(args),
        ExpertCommand::Index(args) => package::index(args)?,
        ExpertCommand::Info(args) => package::info(args)?,
        ExpertCommand::Verify(args) => return package::verify(args),
        ExpertCommand::Remove(args) => package::remove(args)?,
        ExpertCommand::Forget(args) => package::forget(args)?,
        ExpertCommand::Child(args) => child::run(args)?,
    }
    Ok(exit::SUCCESS)
}
