//! The HTTP client.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ureq::Agent;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// A client that trusts the certificates in `file`, or else those of the system
/// (`SSL_CERT_FILE` counts); proxies come from the environment.
pub(crate) fn agent(file: Option<&Path>) -> Result<Agent> {
    let roots = match file {
        Some(file) => certificates(file)
            .with_context(|| format!("{}: pip's setting \"cert\"", file.display()))?,
        None => RootCerts::PlatformVerifier,
    };
    let tls = TlsConfig::builder().root_certs(roots).build();
    Ok(config().tls_config(tls).build().into())
}

/// What all clients share.
pub(crate) fn config() -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(30)))
        // Per read, so that a stalled connection ends and a slow one does not.
        .timeout_per_read(Some(Duration::from_secs(60)))
}

fn certificates(file: &Path) -> Result<RootCerts> {
    let bytes = std::fs::read(file)?;
    let mut found = Vec::new();
    for item in parse_pem(&bytes) {
        if let PemItem::Certificate(certificate) = item? {
            found.push(certificate);
        }
    }
    Ok(RootCerts::Specific(Arc::new(found)))
}
