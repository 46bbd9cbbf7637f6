//! The logs that a command is about.

use anyhow::bail;
use drs_analysis::{Decided, Log, check_steady, common, names};
use drs_core::text::printable;
use drs_progress::say;

use crate::args::LogArgs;
use crate::usage::{Usage, wrong_usage};

/// Reads logs that tell right from wrong.
pub(crate) fn read(args: &LogArgs) -> anyhow::Result<Vec<Log>> {
    let logs = read_any(args)?;
    if let Some(log) = logs.iter().find(|log| !log.is_labelled()) {
        bail!(
            "{} has inputs without a label (-1): there is no accuracy without labels; certify with --labels FILE, or look at the answers with `drs report`",
            log.name
        );
    }
    Ok(logs)
}

/// Reads the logs; those that would have one name are told apart by their folders.
pub(crate) fn read_any(args: &LogArgs) -> anyhow::Result<Vec<Log>> {
    let given: Vec<_> =
        args.logs.iter().map(|arg| (arg.name.as_deref(), arg.path.as_path())).collect();
    let names = names(&given).map_err(|error| Usage::new(error.to_string()))?;
    args.paths().try_for_each(check_steady)?;
    let mut logs = Vec::with_capacity(args.logs.len());
    for (arg, name) in args.logs.iter().zip(names) {
        let log = Log { name: printable(&name).into_owned(), ..Log::read(&arg.path)? };
        log.notes.iter().for_each(|note| say!("note: {}: {note}", arg.path.display()));
        logs.push(log);
    }
    if args.common {
        logs = common(&logs);
        if logs.iter().any(|log| log.rows.is_empty()) {
            wrong_usage!("--common: no index is in all {} logs", logs.len());
        }
    }
    Ok(logs)
}

/// What is said where draws stopped before every radius was decided: one line for each way
/// in which they did. `shown` tells how that looks.
pub(crate) fn undecided(logs: &[Log], shown: &str) -> Vec<String> {
    // By how they stopped, in words; none where nobody knows.
    let mut kinds: Vec<(Option<String>, Vec<&str>)> = Vec::new();
    for log in logs.iter().filter(|log| log.decided != Decided::Everywhere) {
        let is_known = log.decided != Decided::Unknown;
        let how = is_known.then(|| log.decided.to_string());
        match kinds.iter_mut().find(|(known, _)| *known == how) {
            Some((_, names)) => names.push(&log.name),
            None => kinds.push((how, vec![&log.name])),
        }
    }
    let line = |(how, names): (Option<String>, Vec<&str>)| {
        let names = names.join(", ");
        match how {
            None => format!(
                "{names}: a table of drs certify without its .run.json beside it, which tells where draws stopped: what is certified is a lower bound{shown}. Keep that file beside the table, or give the .jsonl."
            ),
            Some(how) => format!(
                "{names}: an input was drawn until {how}. With all N draws more may be certified than that: what was left open is shown as a lower bound{shown}. drs certify gives the whole curve with --full or --sampling fixed."
            ),
        }
    };
    kinds.into_iter().map(line).collect()
}
