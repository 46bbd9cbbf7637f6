//! `drs expert check`: the conformance suite, in processes of its own; with data, how often
//! experts are right.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use drs_conformance::{Finding, Report, Step, lost};
use serde::Serialize;

use super::child::{Answer, Check, Request, ask};
use super::measure;
use super::subject::{Subject, subjects, value};
use crate::args::CheckArgs;

/// As `--json` writes it.
#[derive(Serialize)]
struct Checked<'a> {
    name: &'a str,
    library: &'a std::path::Path,
    passed: bool,
    #[serde(flatten)]
    report: &'a Report,
}

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    if args.data.is_none() && args.reading.labels.is_some() {
        bail!("--labels without --data: labels of which inputs? --data DIR");
    }
    let mut passed = true;
    for subject in &subjects(&args.subject)? {
        let report = check(subject, args)?;
        passed &= report.passed();
        if args.subject.json {
            let Subject { name, library, .. } = subject;
            let checked = Checked { name, library, passed: report.passed(), report: &report };
            println!("{}", serde_json::to_string(&checked)?);
        } else {
            println!("{}, {}\n{report}", subject.name, subject.library.display());
        }
    }
    if let (Some(data), Some(experts)) = (&args.data, &args.subject.experts) {
        measure::run(args, experts, data)?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A child tries the rules until one ends it; the next child goes on behind that.
fn check(subject: &Subject, args: &CheckArgs) -> anyhow::Result<Report> {
    let opening = subject
        .opening
        .clone()
        .context("what shall it be opened with? --config and --shape, or --experts experts.toml")?;
    let config =
        |text: &Option<String>, option| text.as_deref().map(value).transpose().context(option);
    let mut check = Check {
        opening,
        ties: config(&args.ties, "--ties")?,
        non_finite: config(&args.non_finite, "--non-finite")?,
        tolerance: args.tolerance,
        rows: args.rows,
        left_out: Vec::new(),
    };
    let patience = Duration::from_secs_f64(args.subject.timeout);
    let mut findings: Vec<Finding> = Vec::new();
    loop {
        let told = ask(&Request::Check(check.clone()), patience)?;
        let mut trying = None;
        for answer in told.answers {
            match answer {
                Answer::Step(Step::Trying(rule)) => trying = Some(rule),
                Answer::Step(Step::Found(finding)) => {
                    trying = None;
                    // Every child opens the model first.
                    if findings.iter().all(|known| known.name != finding.name) {
                        check.left_out.push(finding.name.to_string());
                        findings.push(finding);
                    }
                }
                Answer::Refused(problem) => bail!("{}: {problem}", subject.library.display()),
                Answer::About(_) | Answer::Opened(_) | Answer::Done => {}
            }
        }
        match (told.lost, trying) {
            (None, _) => return Ok(Report { findings }),
            (Some(how), Some(rule)) if !check.left_out.contains(&rule) => {
                findings.push(lost(&rule, format!("the process that tried it {how}")));
                if check.left_out.is_empty() {
                    // Not even opened: there is nothing to try.
                    return Ok(Report { findings });
                }
                check.left_out.push(rule);
            }
            (Some(how), _) => {
                bail!("{}: the process that loaded it {how}", subject.library.display())
            }
        }
    }
}
