//! Where the wheels are: asked of the package index that pip is set to use.
//!
//! Only pip's settings are used. A dry run of pip would name the addresses too,
//! but it downloads whole wheels, since these come without separate metadata.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::Deserialize;
use ureq::Agent;

use crate::download::Source;
use crate::wheels::Wheel;

/// Environment, configuration files and default, merged by pip's own code.
const ASK_PIP: &str = "\
from pip._internal.commands import create_command
options, _ = create_command('install').parse_args(['x'])
print('' if options.no_index else options.index_url or '')
print(options.cert or '')";

/// The form of an index page that is JSON (PEP 691).
const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// A package index.
pub(crate) struct Index {
    url: String,
    certificates: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Page {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: Hashes,
}

#[derive(Default, Deserialize)]
struct Hashes {
    sha256: Option<String>,
}

/// What to do where nothing can be fetched.
const INSTEAD: &str = "or set LIBTORCH (for ONNX Runtime: ORT_DYLIB_PATH) to one that is there";

impl Index {
    #[cfg(test)]
    pub(crate) fn new(url: String) -> Self {
        Self { url, certificates: None }
    }

    /// The index that pip is set to use.
    pub(crate) fn of_pip() -> Result<Self> {
        let mend = || {
            format!(
                "pip, which knows the package index, does not answer: install python3 and its pip \
                 (Debian: python3-pip), {INSTEAD}"
            )
        };
        let output = Command::new("python3")
            .args(["-c", ASK_PIP])
            .output()
            .map_err(|error| anyhow!("python3: {error}"))
            .with_context(mend)?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let last = text.lines().last().unwrap_or("no message").to_owned();
            return Err(anyhow!("python3: {last}")).with_context(mend);
        }
        let text = String::from_utf8(output.stdout).context("the answer of pip")?;
        let mut lines = text.lines();
        let url = lines.next().unwrap_or_default().trim_end_matches('/').to_owned();
        ensure!(
            url.starts_with("https://") || url.starts_with("http://"),
            "found pip's package index {:?}, expected an http(s) address: mend pip's index-url, \
             {INSTEAD}",
            shown(&url)
        );
        let certificates = lines.next().filter(|line| !line.is_empty()).map(PathBuf::from);
        Ok(Self { url, certificates })
    }

    /// The file of certificates that pip is set to trust instead of the system's.
    pub(crate) fn certificates(&self) -> Option<&Path> {
        self.certificates.as_deref()
    }

    /// Where `wheel` is.
    pub(crate) fn locate(&self, agent: &Agent, wheel: &Wheel) -> Result<Source> {
        let page = format!("{}/{}/", self.url, wheel.project);
        let found = self.read(agent, &page).with_context(|| {
            format!(
                "{}: no usable answer from the package index; check the network, proxy and pip's \
                 index-url, {INSTEAD}",
                shown(&page)
            )
        })?;
        let Some(file) = found.files.into_iter().find(|file| file.filename == wheel.file) else {
            bail!(
                "{}: found no file {}: use an index that has it, \
                 {INSTEAD}",
                shown(&page),
                wheel.file
            );
        };
        // The download is checked anyway; this saves its time.
        if let Some(sha256) = file.hashes.sha256.filter(|found| found != wheel.sha256) {
            bail!(
                "{}: {} has the sha256 {sha256}, expected {}: use another index, \
                 {INSTEAD}",
                shown(&page),
                wheel.file,
                wheel.sha256
            );
        }
        let url = join(&page, &file.url)?;
        Ok(Source { file: wheel.file.to_owned(), url, sha256: wheel.sha256.to_owned() })
    }

    fn read(&self, agent: &Agent, page: &str) -> Result<Page> {
        let mut response = agent.get(page).header("Accept", JSON).call()?;
        ensure!(response.status().is_success(), "found the status {}", response.status());
        let kind = response.body().mime_type().unwrap_or("nothing").to_owned();
        ensure!(kind == JSON, "found {kind}, expected {JSON}");
        // The pages of large projects are several megabytes.
        let bytes = response.body_mut().with_config().limit(1 << 28).read_to_vec()?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

/// `url` without what may be a password.
fn shown(url: &str) -> String {
    match (url.split_once("://"), url.split_once('@')) {
        (Some((scheme, rest)), Some((_, host))) if rest.contains('@') => {
            format!("{scheme}://{host}")
        }
        _ => url.to_owned(),
    }
}

/// The address that a link on `page` names. Mirrors write links relative to the page.
pub(crate) fn join(page: &str, link: &str) -> Result<String> {
    let link = link.split('#').next().unwrap_or(link);
    if link.contains("://") {
        return Ok(link.to_owned());
    }
    let start = page.find("://").map_or(0, |at| at + 3);
    let host_end = page[start..].find('/').map_or(page.len(), |at| start + at);
    let (host, path) = page.split_at(host_end);
    let mut parts: Vec<&str> =
        if link.starts_with('/') { Vec::new() } else { path.split('/').collect() };
    // What follows the last slash of the page is not a folder.
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            _ => parts.push(part),
        }
    }
    parts.retain(|part| !part.is_empty());
    ensure!(!parts.is_empty(), "found the link {link:?}, expected the address of a file");
    Ok(format!("{host}/{}", parts.join("/")))
}
