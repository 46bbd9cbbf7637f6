//! `drs serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use drs_memory::Bytes;

use super::PoolArgs;
use super::parse::{parse_positive, parse_seconds};

const SERVE_EXAMPLES: &str = "\
Examples:
  drs serve --experts experts.toml
  drs serve --experts experts.toml --http 0.0.0.0:8000 --token-file token --tls-cert cert.pem --tls-key key.pem
  curl -s localhost:8000/v2/models/drs | jq .inputs
  curl -s localhost:8000/v2/models/drs/infer -d \\
    '{\"parameters\": {\"radius\": 0.5}, \"inputs\": [{\"name\": \"image\", \"datatype\": \"BYTES\", \"shape\": [1], \"data\": [\"'$(base64 -w0 photo.png)'\"]}]}'

Look at http://127.0.0.1:8000 in a browser, or ask with any client of the Open Inference Protocol, \
version 2. SIGHUP opens the pool anew and puts it in the place of the old one, if it opens. SIGTERM \
ends: requests under way are answered first. docs/serving.md tells all.";

#[derive(Debug, clap::Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) pool: PoolArgs,

    /// Where to listen. What is not of this machine reaches only other addresses than 127.0.0.1:
    /// then think of --token-file and --tls-cert.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    pub(crate) http: SocketAddr,

    /// Listen here too: clients of gRPC expect a port of their own. Both answer everything.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8001")]
    pub(crate) grpc: SocketAddr,

    /// Encrypt, with this certificate (PEM, those that sign it behind it).
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Its private key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Requests must bring what is in this file: `Authorization: Bearer …`. Health, metrics and the
    /// page itself need none.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// A name that clients may call this server by, beside localhost and addresses; may be given several
    /// times. Of use only where it listens on 127.0.0.1 alone without a token: it then refuses other
    /// names, lest a page of the web pass for one of this machine.
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) host: Vec<String>,

    /// Refuse requests that choose their seed: whoever tries many may find one for which the draws
    /// mislead.
    #[arg(long)]
    pub(crate) no_seed: bool,

    /// Connections at a time, at the most; more are closed at once. Each holds a file (`ulimit -n`).
    #[arg(long, value_name = "COUNT", default_value_t = 512, value_parser = parse_positive, hide_short_help = true)]
    pub(crate) connections: usize,

    /// Images that may wait, beyond those that are answered at once. More are refused: 429, or
    /// RESOURCE_EXHAUSTED.
    #[arg(long, value_name = "IMAGES", default_value_t = 256)]
    pub(crate) queue: usize,

    /// Images per request, at the most.
    #[arg(long, value_name = "IMAGES", default_value_t = 64, value_parser = parse_positive)]
    pub(crate) max_batch: usize,

    /// Draws that a request may ask for, at the most.
    #[arg(long, value_name = "DRAWS", default_value_t = 1_000_000)]
    pub(crate) max_n: u64,

    /// Size of a request, at the most.
    #[arg(long, value_name = "SIZE", default_value = "16MiB")]
    pub(crate) max_body: Bytes,

    /// Seconds that a request may take, at the most: then it is answered with what its votes certify.
    #[arg(long, value_name = "SECONDS", default_value_t = 600.0, value_parser = parse_seconds)]
    pub(crate) max_time: f64,

    /// Seconds that a sender may take for a request's head, and again for its body.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = parse_seconds, hide_short_help = true)]
    pub(crate) patience: f64,

    /// Seconds that requests have to end after SIGTERM.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = parse_seconds)]
    pub(crate) drain: f64,

    /// Tell of each request on standard error, a line of JSON each.
    #[arg(long)]
    pub(crate) access_log: bool,

    /// Send traces to this collector of OpenTelemetry, by gRPC: http://localhost:4317.
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,
}
