//! Files of servers.

use std::io::{self, Read as _, Write};
use std::time::Duration;

use anyhow::Context as _;
use drs_packages::{MOST_BYTES, PackageError, Site};
use tempfile::NamedTempFile;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// An index on a server.
pub(super) struct Server {
    /// Without a slash at its end.
    address: String,
    agent: Agent,
}

impl Server {
    pub(super) fn new(address: &str) -> anyhow::Result<Self> {
        Ok(Self { address: address.trim_end_matches('/').to_owned(), agent: agent() })
    }
}

impl Site for Server {
    fn place(&self) -> String {
        self.address.clone()
    }

    fn copy(&self, file: &str, most: u64, to: &mut dyn Write) -> Result<Option<u64>, PackageError> {
        get(&self.agent, &format!("{}/{file}", self.address), most, to)
            .map_err(|error| PackageError::Refused(format!("{error:#}")))
    }
}

/// A package at an address, in a temporary file.
pub(super) fn fetch(address: &str) -> anyhow::Result<NamedTempFile> {
    let mut file = NamedTempFile::new().context("no temporary file")?;
    let found = get(&agent(), address, MOST_BYTES, &mut file)?;
    found.with_context(|| format!("{address}: the server has no such file (404)"))?;
    Ok(file)
}

/// A client that trusts the certificates of the system (`SSL_CERT_FILE` counts), and never leaves TLS; proxies
/// come from the environment.
fn agent() -> Agent {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    Agent::config_builder()
        .https_only(true)
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(30)))
        // Per read, so that a stalled connection ends and a slow one does not.
        .timeout_per_read(Some(Duration::from_secs(60)))
        .tls_config(tls)
        .build()
        .into()
}

/// Copies what is at an address; `None` if nothing is.
fn get(agent: &Agent, address: &str, most: u64, to: &mut dyn Write) -> anyhow::Result<Option<u64>> {
    let mut response = agent.get(address).call().with_context(|| address.to_owned())?;
    let status = response.status();
    if status.as_u16() == 404 {
        return Ok(None);
    }
    anyhow::ensure!(status.is_success(), "{address}: the server answered {status}");
    let body = response.body_mut().with_config().limit(u64::MAX).reader();
    let copied = io::copy(&mut body.take(most.saturating_add(1)), to);
    let copied = copied.with_context(|| address.to_owned())?;
    anyhow::ensure!(
        copied <= most,
        "{address}: longer than the {most} bytes that were expected at the most"
    );
    Ok(Some(copied))
}
