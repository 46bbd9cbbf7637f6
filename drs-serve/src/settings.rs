//! Where to listen, and what a request may take.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How to serve.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where REST, gRPC, metrics and the page are served.
    pub http: SocketAddr,
    /// Where the same is served once more, as clients of gRPC expect a port of its own.
    pub grpc: Option<SocketAddr>,
    /// Encryption.
    pub tls: Option<Tls>,
    /// What requests must bring as `Authorization: Bearer …`; health and metrics need none.
    pub token: Option<String>,
    /// By which names clients may call this server, beside `localhost` and addresses, where it is for
    /// this machine alone and asks for no token.
    pub hosts: Vec<String>,
    /// Connections at a time, at the most.
    pub connections: usize,
    /// Whether requests may choose their seed.
    pub seeds: bool,
    /// Inputs that may wait, beyond those that are answered at once.
    pub queue: usize,
    /// Inputs per request, at the most.
    pub most_inputs: usize,
    /// Draws that a request may ask for, at the most.
    pub most_draws: u64,
    /// Bytes of a request's body, at the most.
    pub most_bytes: usize,
    /// How long a sender may take for its head, and then for its body.
    pub patience: Duration,
    /// The longest that a request may take from its first byte; it is cut then.
    pub most_time: Duration,
    /// How long requests may go on after SIGTERM.
    pub drain: Duration,
    /// Whether each request is told on standard error, a line of JSON each.
    pub access_log: bool,
    /// The collector of OpenTelemetry that traces are sent to, by gRPC.
    pub traces: Option<String>,
}

/// Files of a certificate and its key, PEM.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The certificate, with those that sign it.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}
