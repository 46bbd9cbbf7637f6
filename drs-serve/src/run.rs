//! Listening, signals, and the end.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use drs_progress::say;
use hyper_util::rt::TokioTimer;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::connections::Roomy;
use crate::door::app;
use crate::error::ServeError;
use crate::served::{Opened, Served};
use crate::server::Server;
use crate::settings::{Settings, Tls};
use crate::traces::Traces;

/// Threads that may be waited on: those that answer (a router asks for 512 at the most), those that
/// decode pictures for the page, and one that reloads.
const THREADS: usize = 512 + 16;

/// What requests may take to notice that the server ends, after their time is over.
const LAST: Duration = Duration::from_secs(5);

/// Serves until SIGTERM or SIGINT. `open` opens the pool: now, and again at each SIGHUP.
///
/// # Errors
/// If the pool does not open, or an address cannot be listened on.
pub fn serve(
    open: impl Fn() -> Result<Opened, String> + Send + Sync + 'static,
    settings: Settings,
) -> Result<(), ServeError> {
    // Addresses first: a pool takes its time to open.
    let listeners = std::iter::once(settings.http).chain(settings.grpc).map(listen);
    let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
    let runtime = Builder::new_multi_thread().enable_all().max_blocking_threads(THREADS).build()?;
    let ended = runtime.block_on(run(Box::new(open), settings, listeners));
    // What still runs was told to end.
    runtime.shutdown_timeout(LAST);
    ended
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let failed = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// What ends it.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn run(
    open: Box<dyn Fn() -> Result<Opened, String> + Send + Sync>,
    settings: Settings,
    listeners: Vec<TcpListener>,
) -> Result<(), ServeError> {
    // Before the pool: a signal that nobody handles ends the process, or is lost.
    let mut hangup = signal(SignalKind::hangup())?;
    let (terminate, interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut signals = Signals { terminate, interrupt };
    let tls = match &settings.tls {
        Some(files) => Some(encryption(files).await?),
        None => None,
    };
    let opening = tokio::task::spawn_blocking(move || Served::new(open));
    let served = tokio::select! {
        served = opening => served.map_err(std::io::Error::other)?.map_err(ServeError::Pool)?,
        () = signals.end() => return Ok(()),
    };
    let traces = settings.traces.as_deref().map(Traces::to).transpose()?;
    let room = Arc::new(Semaphore::new(settings.connections));
    let server = Arc::new(Server::new(served, settings, traces));
    let handle = Handle::new();
    let mut doors = Vec::new();
    for listener in listeners {
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() && server.settings.token.is_none() {
            say!(
                "warning: {address} is reached from other machines, and no token is asked for (--token-file)"
            );
        }
        doors.push(door(
            listener,
            tls.clone(),
            app(&server),
            handle.clone(),
            server.settings.patience,
            &room,
        )?);
        let scheme = if tls.is_some() { "https" } else { "http" };
        say!("listening on {scheme}://{address}");
    }
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                reload(&server);
                if let (Some(tls), Some(files)) = (&tls, &server.settings.tls)
                    && let Err(error) = tls.reload_from_pem_file(&files.cert, &files.key).await
                {
                    say!("error: the certificate stays what it was: {error}");
                }
            }
            () = signals.end() => break,
        }
    }
    end(server, &handle, doors, signals).await
}

/// Opens the pool anew while requests go on.
fn reload(server: &Arc<Server>) {
    let server = Arc::clone(server);
    tokio::task::spawn_blocking(move || {
        let mut is_there = false;
        let done = server.served.reload(|pool| {
            is_there = true;
            server.metrics.reloaded("success");
            say!("reloaded {}: generation {}", pool.config.path.display(), pool.generation);
        });
        match done {
            Ok(()) => {}
            Err(problem) if is_there => say!("error: {problem}"),
            Err(problem) => {
                server.metrics.reloaded("failure");
                say!("error: not reloaded, what was open stays: {problem}");
            }
        }
    });
}

/// Lets requests end; cuts them when their time is over, or at a second signal.
async fn end(
    server: Arc<Server>,
    handle: &Handle<SocketAddr>,
    doors: Vec<JoinHandle<std::io::Result<()>>>,
    mut signals: Signals,
) -> Result<(), ServeError> {
    let drain = server.settings.drain;
    server.drain();
    let accepted = server.work.accepted();
    say!("ending: {accepted} images are under way, they have {} s", drain.as_secs_f64());
    handle.graceful_shutdown(Some(drain + LAST));
    let mut all = std::pin::pin!(futures_util::future::join_all(doors));
    let is_over = async {
        tokio::select! {
            () = tokio::time::sleep(drain) => {}
            () = signals.end() => {}
        }
    };
    let ended = tokio::select! {
        ended = &mut all => ended,
        () = is_over => {
            server.work.end();
            all.await
        }
    };
    for ended in ended {
        ended.map_err(std::io::Error::other)??;
    }
    let ending = Arc::clone(&server);
    let _ = tokio::task::spawn_blocking(move || ending.end_traces()).await;
    // What was certified is told to hold only after a last trial, as at the end of a run.
    let tried = tokio::task::spawn_blocking(move || server.served.pool().router.try_last());
    match tokio::time::timeout(LAST, tried).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(problem))) => Err(ServeError::Unsteady(problem.to_string())),
        Ok(Err(_)) | Err(_) => {
            say!("warning: the models could not be tried once more before the end");
            Ok(())
        }
    }
}

async fn encryption(files: &Tls) -> Result<RustlsConfig, ServeError> {
    // Another part of the process may have chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    for path in [&files.cert, &files.key] {
        let unreadable = |error: std::io::Error| unusable(path, &error);
        std::fs::read(path).map_err(unreadable)?;
    }
    let config = RustlsConfig::from_pem_file(&files.cert, &files.key).await;
    config.map_err(|error| unusable(&files.cert, &error))
}

fn unusable(path: &Path, error: &std::io::Error) -> ServeError {
    ServeError::Tls { path: path.to_owned(), problem: error.to_string() }
}

/// Answers what comes at one address.
fn door(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    app: Router,
    handle: Handle<SocketAddr>,
    patience: Duration,
    room: &Arc<Semaphore>,
) -> Result<JoinHandle<std::io::Result<()>>, ServeError> {
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    // A sender that takes its time for the head holds nothing but its connection.
    macro_rules! serving {
        ($server:expr) => {{
            let server = $server.handle(handle).first_request_timeout(patience);
            let mut server = server.map(|accept| Roomy::new(accept, Arc::clone(room)));
            let http = server.http_builder();
            http.http1().timer(TokioTimer::new()).header_read_timeout(patience);
            http.http2().timer(TokioTimer::new()).keep_alive_interval(patience);
            tokio::spawn(server.serve(service))
        }};
    }
    Ok(match tls {
        Some(tls) => serving!(axum_server::from_tcp_rustls(listener, tls)?),
        None => serving!(axum_server::from_tcp(listener)?),
    })
}
