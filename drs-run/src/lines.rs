//! A file that grows line by line, and is locked against other processes while it is open.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{RunError, refuse};
use crate::lock;
use crate::whole::Prepared;

pub(crate) struct Lines {
    path: PathBuf,
    file: File,
    /// Where each line that was kept or written ends.
    ends: Vec<u64>,
}

impl Lines {
    /// Opens and locks it; makes it if it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, RunError> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(RunError::file("write", path))?;
        lock::take(&file, path)?;
        Ok(Self { path: path.to_owned(), file, ends: Vec::new() })
    }

    pub(crate) fn length(&self) -> Result<u64, RunError> {
        Ok(self.file.metadata().map_err(RunError::file("read", &self.path))?.len())
    }

    /// Keeps lines of these lengths, cuts off what is behind them and goes on there; tells how
    /// many bytes were cut off.
    pub(crate) fn keep(&mut self, lengths: impl Iterator<Item = usize>) -> Result<u64, RunError> {
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
            self.file.set_len(end).map_err(RunError::file("write", &self.path))?;
        }
        self.file.seek(SeekFrom::Start(end)).map_err(RunError::file("write", &self.path))?;
        Ok(found.saturating_sub(end))
    }

    pub(crate) fn append(&mut self, line: &str) -> Result<(), RunError> {
        let written = self.file.write_all(line.as_bytes());
        written.map_err(RunError::file("write", &self.path))?;
        self.ends.push(self.ends.last().unwrap_or(&0) + line.len() as u64);
        Ok(())
    }

    pub(crate) fn sync(&self) -> Result<(), RunError> {
        self.file.sync_data().map_err(RunError::file("write", &self.path))
    }

    /// A file of the same lines in this order, by their places now, for this one's place.
    pub(crate) fn reordered(
        &self,
        order: impl Iterator<Item = usize>,
    ) -> Result<Prepared, RunError> {
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
pub(crate) fn whole_lines(
    path: &Path,
) -> Result<impl Iterator<Item = Result<String, RunError>>, RunError> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        opened => Some(BufReader::new(opened.map_err(RunError::file("read", path))?)),
    };
    let path = path.to_owned();
    let next = move || -> Result<Option<String>, RunError> {
        let Some(file) = &mut file else { return Ok(None) };
        let mut line = Vec::new();
        file.read_until(b'\n', &mut line).map_err(RunError::file("read", &path))?;
        if !line.ends_with(b"\n") {
            return Ok(None);
        }
        match String::from_utf8(line) {
            Ok(line) => Ok(Some(line)),
            Err(error) => refuse!("{}: not a text file: {error}", path.display()),
        }
    };
    Ok(std::iter::repeat_with(next).map_while(Result::transpose))
}
