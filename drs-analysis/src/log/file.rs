//! The bytes of a log, and what lies beside it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use drs_core::protocol::Protocol;
use drs_core::units::Sigma;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::{LogError, name};
use crate::decided::Decided;

/// What some editors put before UTF-8 text.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// The text of a log, gzipped or not.
///
/// # Errors
/// If the file cannot be opened.
pub fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    Ok(buffered(path)?)
}

pub(super) fn buffered(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let mut file = BufReader::new(File::open(path)?);
    // By the bytes: a compressed file may have lost its extension, a plain one may have it.
    Ok(if file.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::new(MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    })
}

/// Whether the first character is a brace, as in lines of JSON.
pub(super) fn begins_with_brace(text: &mut impl BufRead) -> io::Result<bool> {
    let bytes = text.fill_buf()?;
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    Ok(bytes.trim_ascii_start().first() == Some(&b'{'))
}

/// All of it, if it is UTF-8.
pub(super) fn text(mut text: impl Read) -> Result<String, String> {
    let read = drs_memory::read_to_end(&mut text);
    let (mut bytes, _claim) = read.map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.starts_with(MARK) {
        bytes.drain(..MARK.len());
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("is UTF-16, as PowerShell writes it: save it as UTF-8".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|&&byte| byte == b'\n').count();
        format!("line {line}: not UTF-8 text; save the table as plain UTF-8")
    })
}

/// What the description of a run says of its draws.
#[derive(Deserialize)]
struct Run {
    protocol: Protocol,
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    sigma: Sigma,
}

/// How far the run of one of our own tables was drawn.
///
/// Its description lies beside it. Without, nobody can tell.
pub(super) fn decided_beside(table: &Path) -> Result<Decided, LogError> {
    let path = name::beside(&name::without_gz(table), "run.json");
    let fail = |problem: String| LogError { path: path.clone(), problem };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Decided::Unknown),
        Err(error) => return Err(fail(format!("cannot be read: {error}"))),
    };
    let run: Run = serde_json::from_str(&text)
        .map_err(|error| fail(format!("is not the description of a run: {error}")))?;
    Ok(Decided::by(&run.protocol, run.models.iter().map(|model| model.sigma)))
}
