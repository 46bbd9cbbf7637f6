//! Memory that host and worker share: lattice values, which the host writes and the
//! worker reads.
//!
//! It has no name in any file system, so nothing is left of it whoever is killed. All of it is
//! reserved before it is used: a page that is missing when it is written to kills the writer.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use drs_memory::Claim;
use memmap2::{Mmap, MmapMut};

/// The host's side.
pub(super) struct Lent {
    map: MmapMut,
    values: usize,
    _claim: Claim,
}

/// Where a worker finds it.
pub(super) struct Place {
    path: PathBuf,
    /// Gone with this value: then the worker must have it.
    _kept: unnamed::Kept,
}

impl Place {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Lent {
    /// Room for so many values.
    pub(super) fn new(values: usize) -> io::Result<(Self, Place)> {
        let bytes = values.max(1).checked_mul(size_of::<i16>()).and_then(|n| u64::try_from(n).ok());
        let bytes = bytes.ok_or(io::ErrorKind::OutOfMemory)?;
        // Reserving more than the machine has would end other programs, not fail.
        let claim = drs_memory::claim(bytes)?;
        let (file, path, kept) = unnamed::file(bytes)?;
        // SAFETY: the file is new, all of it is reserved, and it is given to the worker alone,
        // which maps it for reading. What a worker that is out of its mind might still write is
        // never read here: the host only writes to the mapping.
        let map = unsafe { MmapMut::map_mut(&file) }?;
        Ok((Self { map, values, _claim: claim }, Place { path, _kept: kept }))
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

/// Memory as a file that no folder lists; a child finds it by the descriptor.
#[cfg(target_os = "linux")]
mod unnamed {
    use std::fs::File;
    use std::io::{self, Read as _};
    use std::os::fd::{AsRawFd as _, RawFd};
    use std::path::PathBuf;
    use std::sync::Arc;

    use rustix::fs::{
        FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, memfd_create,
    };
    use rustix::io::{Errno, retry_on_intr};

    pub(super) type Kept = Arc<File>;

    /// In memory, which `/dev/shm` and its size have no part in; else in the temporary folder.
    pub(super) fn file(bytes: u64) -> io::Result<(Kept, PathBuf, Kept)> {
        let file = in_memory(bytes).or_else(|first| {
            in_temporary_folder(bytes).map_err(|second| {
                // Of a limit that holds for both, such as that of open files, one word does.
                if second.raw_os_error() == first.raw_os_error() {
                    return second;
                }
                let folder = std::env::temp_dir();
                let text = format!("in memory: {first}; in {}: {second}", folder.display());
                io::Error::new(second.kind(), text)
            })
        })?;
        let descriptor: RawFd = file.as_raw_fd();
        let path = format!("/proc/{}/fd/{descriptor}", std::process::id()).into();
        let file = Arc::new(file);
        Ok((Arc::clone(&file), path, file))
    }

    pub(super) fn in_memory(bytes: u64) -> io::Result<File> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = File::from(memfd_create("drs", flags)?);
        reserve(&file, bytes)?;
        // Whoever else gets hold of it cannot take pages away under the host.
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::SEAL)?;
        Ok(file)
    }

    pub(super) fn in_temporary_folder(bytes: u64) -> io::Result<File> {
        let file = tempfile::tempfile()?;
        reserve(&file, bytes)?;
        Ok(file)
    }

    fn reserve(file: &File, bytes: u64) -> io::Result<()> {
        match retry_on_intr(|| fallocate(file, FallocateFlags::empty(), 0, bytes)) {
            // Some file systems reserve only what is written.
            Err(Errno::OPNOTSUPP) => {
                let written = io::copy(&mut io::repeat(0).take(bytes), &mut &*file)?;
                debug_assert_eq!(written, bytes);
                Ok(())
            }
            outcome => Ok(outcome?),
        }
    }
}

/// A file that has a name until the worker has it.
#[cfg(not(target_os = "linux"))]
mod unnamed {
    use std::fs::File;
    use std::io::{self, Read as _};
    use std::path::PathBuf;

    pub(super) type Kept = tempfile::TempPath;

    pub(super) fn file(bytes: u64) -> io::Result<(File, PathBuf, Kept)> {
        let (mut file, name) = tempfile::Builder::new().prefix("drs-").tempfile()?.into_parts();
        io::copy(&mut io::repeat(0).take(bytes), &mut file)?;
        Ok((file, name.to_path_buf(), name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_writes_the_worker_reads() {
        let (mut lent, place) = Lent::new(1000).unwrap();
        let borrowed = Borrowed::open(place.path()).unwrap();
        drop(place);
        lent.first(1000)[999] = -7;
        lent.first(3).copy_from_slice(&[1, 2, 3]);
        let values = borrowed.first(1000).unwrap();
        assert_eq!((&values[..3], values[999]), (&[1, 2, 3][..], -7));
        assert!(borrowed.first(1001).is_none() && borrowed.first(usize::MAX).is_none());
    }

    #[test]
    fn more_than_there_is_is_an_error() {
        for values in [1 << 60, usize::MAX] {
            assert!(Lent::new(values).is_err());
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn pages_are_there_before_they_are_written_and_stay() {
        use std::os::unix::fs::MetadataExt as _;
        for make in [unnamed::in_memory, unnamed::in_temporary_folder] {
            let found = make(1 << 20).unwrap().metadata().unwrap();
            assert!(512 * found.blocks() >= 1 << 20, "{found:?}");
            assert_eq!(found.nlink(), 0, "it has no name");
        }
        let file = unnamed::in_memory(1 << 20).unwrap();
        assert!(file.set_len(0).is_err());
    }
}
