//! A line of JSON for each request, on standard error.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

#[derive(Serialize)]
struct Line<'a> {
    /// Seconds since 1970.
    time: f64,
    client: Option<SocketAddr>,
    method: &'a str,
    path: &'a str,
    status: u16,
    /// gRPC's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc_status: Option<&'a str>,
    seconds: f64,
}

/// What is told of a request.
pub(crate) struct Access<'a> {
    pub(crate) client: Option<SocketAddr>,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) grpc_status: Option<&'a str>,
    pub(crate) took: Duration,
}

/// Tells of a request.
pub(crate) fn tell(access: &Access<'_>) {
    let Access { client, method, path, status, grpc_status, took } = *access;
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let seconds = took.as_secs_f64();
    let line = Line { time, client, method, path, status, grpc_status, seconds };
    if let Ok(line) = serde_json::to_string(&line) {
        drs_progress::say!("{line}");
    }
}
