//! Libraries are loaded by a process of its own, and only there: it may crash or hang.
//!
//! The request and the answers are files: what a plugin prints cannot get among them.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use drs_conformance::{Step, Subject, run_but};
use drs_core::lattice::Digest;
use drs_plugins_api::{Manifest, PluginInfo};
use drs_router::{Library, Opening, Program};
use serde::{Deserialize, Serialize};

use crate::args::ChildArgs;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Request {
    /// What the library says of itself.
    About(Library),
    /// Which files a model is made of.
    Files(Opening),
    /// What the library says of itself and of a model.
    Open(Opening),
    /// The rules.
    Check(Check),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Check {
    pub(super) opening: Opening,
    pub(super) ties: Option<serde_json::Value>,
    pub(super) non_finite: Option<serde_json::Value>,
    pub(super) tolerance: f64,
    pub(super) rows: usize,
    /// Rules that are not tried again.
    pub(super) left_out: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    About(PluginInfo),
    Files(Option<Vec<PathBuf>>),
    Opened(Manifest),
    Step(Step),
    /// A file was opened for reading, none of the system's.
    Read(String),
    /// Nobody can see which files are opened; why.
    Unwatched(String),
    /// The library or the model cannot be opened.
    Refused(String),
    /// That was all. Without it the child did not end by itself, whatever its exit code.
    Done,
}

/// Answers, as far as they came, and how the child ended if not well.
pub(super) struct Told {
    pub(super) answers: Vec<Answer>,
    pub(super) lost: Option<String>,
}

/// Asks a child. Each answer must come within `patience` of the one before.
pub(super) fn ask(request: &Request, patience: Duration) -> anyhow::Result<Told> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let (asked, answers) = (folder.path().join("request"), folder.path().join("answers"));
    std::fs::write(&asked, serde_json::to_vec(request)?)?;
    File::create(&answers)?;
    let this = Program::this().context("where is drs?")?;
    let mut child = this
        .command()
        .args(["expert", "child"])
        .args([&asked, &answers])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("no process could be started")?;
    let (mut seen, mut since) = (0, Instant::now());
    let lost = loop {
        if let Some(status) = child.try_wait()? {
            break Some(drs_router::ending(status));
        }
        let length = answers.metadata().map_or(0, |found| found.len());
        if length != seen {
            (seen, since) = (length, Instant::now());
        }
        if since.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            break Some(format!("gave no answer within {} s", patience.as_secs_f64()));
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let lines = BufReader::new(File::open(&answers)?).lines();
    // A line that was not finished is no answer.
    let answers = lines.map_while(Result::ok).map_while(|line| serde_json::from_str(&line).ok());
    let mut answers: Vec<Answer> = answers.collect();
    let is_whole = answers.iter().any(|answer| matches!(answer, Answer::Done));
    answers.retain(|answer| !matches!(answer, Answer::Done));
    Ok(Told { answers, lost: lost.filter(|_| !is_whole) })
}

/// The child's side.
pub(super) fn run(args: &ChildArgs) -> anyhow::Result<()> {
    let request = serde_json::from_slice(&std::fs::read(&args.request)?)?;
    let mut out = OpenOptions::new().append(true).open(&args.answers)?;
    let mut tell = |answer: &Answer| -> anyhow::Result<()> {
        let line = serde_json::to_string(answer)? + "\n";
        Ok(out.write_all(line.as_bytes())?)
    };
    let told = match request {
        Request::About(library) => about(&library.copy, library.sha256).map(Answer::About),
        Request::Files(opening) => drs_router::list_files(&opening).map(Answer::Files),
        Request::Open(opening) => {
            let loaded = about(&opening.library, opening.sha256);
            loaded.and_then(|info| {
                tell(&Answer::About(info)).map_err(|error| error.to_string())?;
                drs_router::open_model(&opening).map(Answer::Opened)
            })
        }
        Request::Check(check) => {
            watch(&args.answers, &mut tell)?;
            let Opening { library, sha256, .. } = &check.opening;
            let module = drs_router::load_library(library, *sha256);
            match module {
                Err(problem) => Err(problem),
                Ok((module, _)) => {
                    let Opening { shape, base_dir, config, levels, .. } = &check.opening;
                    let config = serde_json::from_str(config)?;
                    let mut subject = Subject::new(module, *shape, Path::new(base_dir), config);
                    subject.levels = *levels;
                    subject.ties = check.ties.map(|config| (config, 0));
                    subject.non_finite = check.non_finite;
                    (subject.tolerance, subject.rows) = (check.tolerance, check.rows);
                    let mut failed = None;
                    run_but(&subject, &check.left_out, |step| {
                        if let Err(error) = tell(&Answer::Step(step)) {
                            failed.get_or_insert(error);
                        }
                    });
                    return failed.map_or_else(|| tell(&Answer::Done), Err);
                }
            }
        }
    };
    tell(&told.unwrap_or_else(Answer::Refused))?;
    tell(&Answer::Done)
}

/// From here on files that are opened are told, as they are.
fn watch(
    answers: &Path,
    tell: &mut impl FnMut(&Answer) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // Each answer is one write to the end of the file: they do not get among each other.
    let mut out = OpenOptions::new().append(true).open(answers)?;
    let watched = drs_router::watch_opens(move |path| {
        if drs_router::is_of_the_system(path) {
            return;
        }
        let read = Answer::Read(path.to_string_lossy().into_owned());
        if let Ok(line) = serde_json::to_string(&read) {
            // The answers' file is the parent's: if it is gone, nobody reads this.
            let _ = out.write_all((line + "\n").as_bytes());
        }
    });
    match watched {
        Ok(()) => Ok(()),
        Err(problem) => tell(&Answer::Unwatched(problem)),
    }
}

fn about(copy: &Path, sha256: Digest) -> Result<PluginInfo, String> {
    drs_router::load_library(copy, sha256).map(|(_, info)| info)
}

/// The answers that were asked for, or why there are none. `plain` puts files in place of
/// their copies.
pub(super) fn single(
    told: Told,
    library: &Path,
    plain: &dyn Fn(&str) -> String,
) -> anyhow::Result<Vec<Answer>> {
    let library = library.display();
    if let Some(Answer::Refused(problem)) = told.answers.last() {
        bail!("{library}: {}", plain(problem));
    }
    if let Some(lost) = told.lost {
        bail!("{library}: the process that loaded it {lost}; do not use it as it is");
    }
    Ok(told.answers)
}
