//! Downloads that resume, and are verified.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};
use sha2::{Digest as _, Sha256};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

/// How often in a row a download may fail without getting further.
const TRIES: u32 = 5;

/// One file to download.
pub(crate) struct Source {
    /// The name it gets.
    pub(crate) file: String,
    pub(crate) url: String,
    /// In lower-case hexadecimal digits.
    pub(crate) sha256: String,
}

/// Fetches sources.
pub(crate) struct Downloader {
    agent: Agent,
    /// Waited before the second try, and doubled for each one after.
    pub(crate) pause: Duration,
}

/// Whether trying again can help.
enum Fault {
    Passing(anyhow::Error),
    Final(anyhow::Error),
}

impl Downloader {
    pub(crate) fn new(agent: Agent) -> Self {
        Self { agent, pause: Duration::from_secs(1) }
    }

    /// Brings `source` into `folder`, going on with what an earlier run left there.
    pub(crate) fn fetch(&self, source: &Source, folder: &Path) -> Result<PathBuf> {
        let done = folder.join(&source.file);
        // It got this name only after it was verified.
        if done.exists() {
            return Ok(done);
        }
        let part = folder.join(format!("{}.part", source.file));
        let bar = bar(&source.file);
        let outcome = self.download(source, &part, &bar);
        bar.finish_and_clear();
        outcome?;
        verify(&part, source)?;
        fs::rename(&part, &done).with_context(|| done.display().to_string())?;
        Ok(done)
    }

    fn download(&self, source: &Source, part: &Path, bar: &ProgressBar) -> Result<()> {
        let mut failures = 0;
        loop {
            let before = length(part);
            let error = match self.attempt(source, part, bar) {
                Ok(()) => return Ok(()),
                Err(Fault::Final(error)) => return Err(error).context(source.file.clone()),
                Err(Fault::Passing(error)) => error,
            };
            failures = if length(part) > before { 1 } else { failures + 1 };
            if failures == TRIES {
                return Err(error).with_context(|| {
                    format!(
                        "{}: the download failed {TRIES} times in a row; \
                         check the network and run again, it will go on from where it is",
                        source.file
                    )
                });
            }
            bar.suspend(|| eprintln!("{}: {error:#}; trying again", source.file));
            std::thread::sleep(self.pause * 2_u32.pow(failures - 1));
        }
    }

    fn attempt(&self, source: &Source, part: &Path, bar: &ProgressBar) -> Result<(), Fault> {
        let have = length(part);
        let mut request = self.agent.get(&source.url);
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        let mut response = request.call().map_err(|error| Fault::Passing(error.into()))?;
        let status = response.status();
        let from = match status {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT if starts_at(&response, have) => have,
            // All of it is here already, or something else is: the hash tells.
            StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => return Ok(()),
            _ => {
                let error = anyhow::anyhow!("found the status {status}, expected 200 or 206");
                let passing = status.is_server_error()
                    || status == StatusCode::TOO_MANY_REQUESTS
                    || status == StatusCode::REQUEST_TIMEOUT;
                return Err(if passing { Fault::Passing(error) } else { Fault::Final(error) });
            }
        };
        let total = response.body().content_length().map(|rest| from + rest);
        let mut file =
            open(part, from).with_context(|| part.display().to_string()).map_err(Fault::Final)?;
        announce(bar, &source.file, from, total);
        copy(&mut response, &mut file, part, bar)?;
        let found = length(part);
        if let Some(total) = total.filter(|total| found < *total) {
            let text = format!("the connection ended after {found} of {total} bytes");
            return Err(Fault::Passing(anyhow::anyhow!(text)));
        }
        Ok(())
    }
}

/// Keeps apart what can be tried again (reading) from what cannot (writing).
fn copy(
    response: &mut Response<Body>,
    file: &mut File,
    part: &Path,
    bar: &ProgressBar,
) -> Result<(), Fault> {
    let mut reader = response.body_mut().as_reader();
    let mut buffer = vec![0; 1 << 17];
    loop {
        let count = reader.read(&mut buffer).map_err(|error| Fault::Passing(error.into()))?;
        if count == 0 {
            return Ok(());
        }
        file.write_all(&buffer[..count])
            .with_context(|| part.display().to_string())
            .map_err(Fault::Final)?;
        bar.inc(count as u64);
    }
}

/// Whether the answer is the range that was asked for: `Content-Range: bytes 5-9/10`.
fn starts_at(response: &Response<Body>, start: u64) -> bool {
    let header = response.headers().get("Content-Range").and_then(|value| value.to_str().ok());
    let range = header.and_then(|text| text.trim().strip_prefix("bytes "));
    let first = range.and_then(|text| text.split('-').next()?.trim().parse::<u64>().ok());
    first == Some(start)
}

/// The file, cut to `from` bytes, for writing at its end.
fn open(part: &Path, from: u64) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(part)?;
    file.set_len(from)?;
    Ok(file)
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |meta| meta.len())
}

/// Removes a file with the wrong content, since going on from it could never end well.
fn verify(part: &Path, source: &Source) -> Result<()> {
    let found = sha256(part).with_context(|| part.display().to_string())?;
    if found == source.sha256 {
        return Ok(());
    }
    fs::remove_file(part).with_context(|| part.display().to_string())?;
    bail!(
        "{}: found the sha256 {found}, expected {}; the file was removed: run again, \
         and if that does not help, use another package index",
        source.file,
        source.sha256
    )
}

pub(crate) fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hasher.update(&buffer[..count]);
    }
}

fn bar(file: &str) -> ProgressBar {
    const TEMPLATE: &str = "{wide_bar} {decimal_bytes}/{decimal_total_bytes} {msg}, {decimal_bytes_per_sec}, {eta} left";
    let bar = ProgressBar::no_length();
    // A wheel's name begins with package and version; the rest is long.
    bar.set_message(file.splitn(3, '-').take(2).collect::<Vec<_>>().join(" "));
    match ProgressStyle::with_template(TEMPLATE) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Shows where the download stands. Without a terminal the bar is hidden: one line instead.
fn announce(bar: &ProgressBar, file: &str, from: u64, total: Option<u64>) {
    if bar.is_hidden() && bar.length().is_none() {
        let size = total.map_or_else(String::new, |total| format!(" ({})", DecimalBytes(total)));
        eprintln!("fetching {file}{size}");
    }
    // Without this the bytes of an earlier run would count as speed.
    bar.set_length(total.unwrap_or(from));
    bar.set_position(from);
    bar.reset_eta();
}
