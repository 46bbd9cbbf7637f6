//! A file that grows line by line, and is ours while it is open.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::whole::Prepared;

pub(super) struct Lines {
    path: PathBuf,
    file: File,
    /// Where each line that was kept or written ends.
    ends: Vec<u64>,
}

impl Lines {
    /// Opens and locks it; makes it if it is not there.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let problem = || format!("cannot write {}", path.display());
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path);
        let file = file.with_context(problem)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "{} is being written by another process: let it finish, or give another --out",
                path.display()
            ),
            // Some file systems know no locks: then nobody is kept out.
            Err(TryLockError::Error(error)) => {
                tracing::warn!("{} cannot be locked: {error}", path.display());
            }
        }
        Ok(Self { path: path.to_owned(), file, ends: Vec::new() })
    }

    pub(super) fn length(&self) -> anyhow::Result<u64> {
        let problem = || format!("cannot read {}", self.path.display());
        Ok(self.file.metadata().with_context(problem)?.len())
    }

    /// Keeps lines of these lengths, cuts off what is behind them and goes on there; tells how
    /// many bytes were cut off.
    pub(super) fn keep(&mut self, lengths: impl Iterator<Item = usize>) -> anyhow::Result<u64> {
        let problem = || format!("cannot write {}", self.path.display());
        let mut end = 0;
        self.ends = lengths
            .map(|length| {
                end += length as u64;
                end
            })
            .collect();
        let found = self.length()?;
        // What is no regular file has no length.
        if found != end {
            self.file.set_len(end).with_context(problem)?;
        }
        self.file.seek(SeekFrom::Start(end)).with_context(problem)?;
        Ok(found.saturating_sub(end))
    }

    pub(super) fn append(&mut self, line: &str) -> anyhow::Result<()> {
        let written = self.file.write_all(line.as_bytes());
        written.with_context(|| format!("cannot write {}", self.path.display()))?;
        self.ends.push(self.ends.last().unwrap_or(&0) + line.len() as u64);
        Ok(())
    }

    pub(super) fn sync(&self) -> anyhow::Result<()> {
        self.file.sync_data().with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// A file of the same lines in this order, by their places now, for this one's place.
    pub(super) fn reordered(&self, order: impl Iterator<Item = usize>) -> anyhow::Result<Prepared> {
        let mut source = &self.file;
        Prepared::new(&self.path, |file| {
            let mut file = BufWriter::new(file);
            let mut line = Vec::new();
            for place in order {
                let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
                let length = usize::try_from(self.ends[place] - start);
                line.resize(length.map_err(std::io::Error::other)?, 0);
                source.seek(SeekFrom::Start(start))?;
                source.read_exact(&mut line)?;
                file.write_all(&line)?;
            }
            file.flush()
        })
    }
}

/// The lines of a file that end, with their ends; none of a file that is not there.
pub(super) fn whole_lines(
    path: &Path,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<String>>> {
    let problem = {
        let path = path.display().to_string();
        move || format!("cannot read {path}")
    };
    let mut file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        opened => Some(BufReader::new(opened.with_context(&problem)?)),
    };
    let no_text = format!("{}: not a text file", path.display());
    let next = move || -> anyhow::Result<Option<String>> {
        let Some(file) = &mut file else { return Ok(None) };
        let mut line = Vec::new();
        file.read_until(b'\n', &mut line).with_context(&problem)?;
        if !line.ends_with(b"\n") {
            return Ok(None);
        }
        Ok(Some(String::from_utf8(line).with_context(|| no_text.clone())?))
    };
    Ok(std::iter::repeat_with(next).map_while(Result::transpose))
}
