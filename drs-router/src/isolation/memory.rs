//! Memory that host and worker share: lattice values, which the host writes and the
//! worker reads.

use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::{Mmap, MmapMut};
use tempfile::NamedTempFile;

/// The host's side.
pub(super) struct Lent {
    map: MmapMut,
    values: usize,
}

impl Lent {
    /// Room for so many values, and the file that a worker finds it by. The file may go
    /// once the worker has it.
    pub(super) fn new(values: usize) -> io::Result<(Self, NamedTempFile)> {
        // A file system in memory, where there is one.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let file = tempfile::Builder::new().prefix("drs-").tempfile_in(folder)?;
        file.as_file().set_len(2 * values.max(1) as u64)?;
        // SAFETY: the file is new, and its name (which only this user may open) is given to the
        // worker alone, which maps it for reading. What a worker that is out of its mind might
        // still write is never read here: the host only writes to the mapping.
        let map = unsafe { MmapMut::map_mut(file.as_file()) }?;
        Ok((Self { map, values }, file))
    }

    pub(super) fn values(&self) -> usize {
        self.values
    }

    /// The first values, to be written.
    pub(super) fn first(&mut self, values: usize) -> &mut [i16] {
        &mut bytemuck::cast_slice_mut(&mut self.map[..2 * self.values])[..values]
    }
}

/// The worker's side.
pub(super) struct Borrowed(Mmap);

impl Borrowed {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // SAFETY: the host writes only while the worker waits for its next question.
        Ok(Self(unsafe { Mmap::map(&File::open(path)?) }?))
    }

    /// The first values; `None` if there are not so many.
    pub(super) fn first(&self, values: usize) -> Option<&[i16]> {
        let bytes = self.0.get(..values.checked_mul(2)?)?;
        bytemuck::try_cast_slice(bytes).ok()
    }
}
