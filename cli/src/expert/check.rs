//! `drs expert check`: the conformance suite, in processes of its own; with data, how often
//! experts are right.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use drs_conformance::{Finding, Outcome, Report, Step, lost, undeclared};
use drs_progress::out;
use drs_router::{ModelSpec, Prepared};
use serde::Serialize;

use super::child::{Answer, Check, Request, ask};
use super::measure;
use super::subject::{Subject, input, prepare, subjects, value};
use crate::args::CheckArgs;
use crate::exit;
use crate::usage::wrong_usage;

/// As `--json` writes it.
#[derive(Serialize)]
struct Checked<'a> {
    name: &'a str,
    library: &'a Path,
    passed: bool,
    #[serde(flatten)]
    report: &'a Report,
}

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<u8> {
    if args.data.is_none() && args.reading.labels.is_some() {
        wrong_usage!("--labels without --data: labels of which inputs? --data DIR");
    }
    let mut passed = true;
    for subject in &subjects(&args.subject)? {
        let report = check(subject, args)?;
        passed &= report.passed();
        if args.subject.json {
            let Subject { name, library, .. } = subject;
            let library = library.path.as_path();
            let checked = Checked { name, library, passed: report.passed(), report: &report };
            out!("{}", serde_json::to_string(&checked)?)?;
        } else {
            out!("{}, {}\n{report}", subject.name, subject.library.path.display())?;
        }
    }
    if let (Some(data), Some(experts)) = (&args.data, &args.subject.experts) {
        measure::run(args, experts, data)?;
    }
    Ok(if passed { exit::SUCCESS } else { exit::FAILURE })
}

/// A child tries the rules until one ends it; the next child goes on behind that.
fn check(subject: &Subject, args: &CheckArgs) -> anyhow::Result<Report> {
    let prepared = subject
        .prepared
        .as_ref()
        .context("what shall it be opened with? --config and --shape, or --experts experts.toml")?;
    let patience = Duration::from_secs_f64(args.subject.timeout);
    let other = |text: &Option<String>, option| {
        let model = text.as_deref().map(|text| another(text, subject, args, patience));
        model.transpose().context(option)
    };
    let (ties, non_finite) =
        (other(&args.ties, "--ties")?, other(&args.non_finite, "--non-finite")?);
    let mut check = Check {
        opening: prepared.opening().clone(),
        ties: ties.as_ref().map(config).transpose()?,
        non_finite: non_finite.as_ref().map(config).transpose()?,
        tolerance: args.tolerance,
        rows: args.rows,
        left_out: Vec::new(),
    };
    let models: Vec<&Prepared> =
        [Some(prepared), ties.as_ref(), non_finite.as_ref()].into_iter().flatten().collect();
    let mut findings: Vec<Finding> = Vec::new();
    let mut opened = Ok(BTreeSet::new());
    loop {
        let told = ask(&Request::Check(check.clone()), patience)?;
        let mut trying = None;
        for answer in told.answers {
            match answer {
                Answer::Step(Step::Trying(rule)) => trying = Some(rule),
                Answer::Step(Step::Found(mut finding)) => {
                    trying = None;
                    if let Outcome::Fail { seen, .. } = &mut finding.outcome {
                        *seen = prepared.plain(seen);
                    }
                    // Every child opens the model first.
                    if findings.iter().all(|known| known.name != finding.name) {
                        check.left_out.push(finding.name.to_string());
                        findings.push(finding);
                    }
                }
                Answer::Refused(problem) => {
                    bail!("{}: {}", subject.library.path.display(), prepared.plain(&problem))
                }
                Answer::Read(file) => {
                    let file = PathBuf::from(file);
                    let file = file.canonicalize().unwrap_or(file);
                    if let (Ok(opened), false) =
                        (&mut opened, models.iter().any(|model| model.knows(&file)))
                    {
                        opened.insert(prepared.original(&file).display().to_string());
                    }
                }
                Answer::Unwatched(why) => opened = Err(why),
                Answer::About(_) | Answer::Files(_) | Answer::Opened(_) | Answer::Done => {}
            }
        }
        match (told.lost, trying) {
            (None, _) => {
                let opened = opened.map(|files| files.into_iter().collect::<Vec<_>>());
                findings.push(undeclared(opened.as_deref().map_err(String::as_str)));
                return Ok(Report { findings });
            }
            (Some(how), Some(rule)) if !check.left_out.contains(&rule) => {
                findings.push(lost(&rule, format!("the process that tried it {how}")));
                if check.left_out.is_empty() {
                    // Not even opened: there is nothing to try.
                    return Ok(Report { findings });
                }
                check.left_out.push(rule);
            }
            (Some(how), _) => {
                bail!("{}: the process that loaded it {how}", subject.library.path.display())
            }
        }
    }
}

/// Another model of the same plugin, which must be copied too.
fn another(
    text: &str,
    subject: &Subject,
    args: &CheckArgs,
    patience: Duration,
) -> anyhow::Result<Prepared> {
    let library = subject.library.path.to_str().context("the plugin's path is not valid UTF-8")?;
    let shape = args.subject.shape.context("--shape C,H,W is missing")?;
    let spec = ModelSpec::new(library, value(text)?);
    prepare(&spec, Path::new("."), input(shape), &subject.copies, patience)
}

fn config(model: &Prepared) -> anyhow::Result<serde_json::Value> {
    Ok(serde_json::from_str(&model.opening().config)?)
}
