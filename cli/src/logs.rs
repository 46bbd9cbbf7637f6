//! The logs that a command is about.

use anyhow::{Context as _, bail};
use drs_analysis::{Log, common};

use crate::args::LogArgs;

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
    let mut logs = Vec::with_capacity(args.logs.len());
    for arg in &args.logs {
        let log = Log::read(&arg.path)?;
        logs.push(Log { name: arg.name.clone().unwrap_or(log.name), ..log });
    }
    let names: Vec<String> = logs.iter().map(|log| log.name.clone()).collect();
    for (log, arg) in logs.iter_mut().zip(&args.logs) {
        if names.iter().filter(|name| **name == log.name).count() > 1 && arg.name.is_none() {
            let folder = arg.path.parent().and_then(|folder| folder.file_name());
            let same = || format!("two logs are named {0}: name them, as in a={0}.tsv", log.name);
            log.name = format!("{}/{}", folder.with_context(same)?.to_string_lossy(), log.name);
        }
    }
    if args.common {
        logs = common(&logs);
        if logs.iter().any(|log| log.rows.is_empty()) {
            bail!("--common: no index is in all {} logs", logs.len());
        }
    }
    Ok(logs)
}
