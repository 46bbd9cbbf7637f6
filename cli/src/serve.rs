//! `drs serve`: the pool over the network.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use drs_serve::{Opened, Settings, Tls};

use crate::args::ServeArgs;
use crate::pool;

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let tls = args.tls_cert.clone().zip(args.tls_key.clone());
    let settings = Settings {
        http: args.http,
        grpc: (args.grpc != args.http || args.http.port() == 0).then_some(args.grpc),
        tls: tls.map(|(cert, key)| Tls { cert, key }),
        token: args.token_file.as_deref().map(token).transpose()?,
        hosts: args.host.clone(),
        connections: args.connections,
        seeds: !args.no_seed,
        queue: args.queue,
        most_inputs: args.max_batch,
        most_draws: args.max_n,
        most_bytes: usize::try_from(args.max_body.0).unwrap_or(usize::MAX),
        patience: Duration::from_secs_f64(args.patience),
        most_time: Duration::from_secs_f64(args.max_time),
        drain: Duration::from_secs_f64(args.drain),
        access_log: args.access_log,
        traces: args.otlp.clone(),
    };
    let pool = args.pool.clone();
    let open = move || {
        let opened = pool::open(&pool).map_err(|error| format!("{error:#}"))?;
        Ok(Opened { config: opened.config, router: opened.router })
    };
    Ok(drs_serve::serve(open, settings)?)
}

/// What is in the file, without the end of its line.
fn token(path: &Path) -> anyhow::Result<String> {
    let (text, _claim) = drs_memory::read_text(path).with_context(|| path.display().to_string())?;
    let token = text.trim_end_matches(['\r', '\n']);
    let is_plain = token.bytes().all(|byte| byte.is_ascii_graphic());
    if token.is_empty() || !is_plain {
        bail!("{}: expected one line of printable ASCII without spaces", path.display());
    }
    Ok(token.to_owned())
}
