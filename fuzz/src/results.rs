//! Logs, records and descriptions of runs.

use drs_analysis::{Entry, Header, Log};
use drs_core::certificate::Certificate;

use super::folder;

/// Logs of records.
pub fn log_jsonl(data: &[u8]) {
    let folder = folder(&[("log.jsonl", data)]);
    let _ = Log::read(&folder.path().join("log.jsonl"));
}

/// Tab-separated logs, plain and gzipped.
pub fn log_tsv(data: &[u8]) {
    let name = if data.starts_with(b"\x1f\x8b") { "log.tsv.gz" } else { "log.tsv" };
    let folder = folder(&[(name, data)]);
    let _ = Log::read(&folder.path().join(name));
}

/// Lines of records as `drs verify` takes them: read, judged, and written again as they were.
///
/// # Panics
/// If what is written differs from what was read.
pub fn record(data: &[u8]) {
    let Ok(line) = std::str::from_utf8(data) else { return };
    if let Ok(entry) = Entry::read(line) {
        let _ = entry.verify();
    }
    let Ok(certificate) = serde_json::from_str::<Certificate>(line) else { return };
    let _ = certificate.draws();
    let text = serde_json::to_string(&certificate).expect("a certificate is written");
    let again: Certificate = serde_json::from_str(&text).expect("a certificate is read back");
    assert_eq!(serde_json::to_string(&again).expect("again"), text);
}

/// Descriptions of runs as `drs merge` reads them, and a run that goes on; beside a log too.
///
/// # Panics
/// If what is written differs from what was read.
pub fn run_json(data: &[u8]) {
    let folder = folder(&[
        ("log.run.json", data),
        ("log.tsv", b"idx\tlabel\tpredict\tradius\n0\t1\t1\t0.5\n"),
    ]);
    let _ = Log::read(&folder.path().join("log.tsv"));
    let path = folder.path().join("log.run.json");
    let Ok(Some(header)) = Header::read(&path) else { return };
    let _ = header.indices();
    std::fs::write(&path, header.text().expect("it is written")).expect("a temporary file");
    let again = Header::read(&path).expect("it is read back").expect("it is there");
    assert_eq!(again, header);
    assert_eq!(again.classifier(), header.classifier());
    let mut other = Header { start: header.start / 2, table: String::new(), ..header.clone() };
    other.data.complete(&header.data);
    let _ = other.differences(&header);
}
