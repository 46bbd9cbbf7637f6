//! `drs doctor`: what is here, what is missing, and how to mend it.
//!
//! A module for each kind of thing that is looked at; each gives [`Check`]s.

mod check;
mod cuda;
mod machine;
mod packages;
mod plugins;
mod probe;

use drs_core::text::{counted, printable};
use drs_progress::out;
use serde::Serialize;

use crate::args::DoctorArgs;
use crate::exit;
use check::{Check, State};

/// As `--json` writes it.
#[derive(Serialize)]
struct Told<'a> {
    /// How many are bad.
    bad: usize,
    checks: &'a [Check],
}

pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<u8> {
    let mut checks = plugins::checks()?;
    checks.push(cuda::check());
    checks.extend(machine::checks());
    checks.push(packages::check());
    let bad = checks.iter().filter(|check| check.state == State::Bad).count();
    if args.json {
        out!("{}", serde_json::to_string(&Told { bad, checks: &checks })?)?;
    } else {
        checks.iter().try_for_each(print)?;
        match bad {
            0 => out!("nothing is broken")?,
            bad => out!("{} found that must be mended", counted(bad, "problem"))?,
        }
    }
    Ok(if bad == 0 { exit::SUCCESS } else { exit::FAILURE })
}

fn print(check: &Check) -> std::io::Result<()> {
    let Check { state, name, found, mend } = check;
    let state = match state {
        State::Ok => "ok",
        State::None => "none",
        State::Bad => "bad",
    };
    out!("{state:5} {name:17} {}", printable(found))?;
    mend.as_ref().map_or(Ok(()), |mend| out!("      {}", printable(mend)))
}
