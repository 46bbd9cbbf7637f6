//! Where copies of libraries go: somewhere from where the system runs code.
//!
//! Temporary folders are often mounted `noexec`, and nothing can be loaded from there. Then the
//! libraries, which are small beside models, go to another private folder of the user.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use super::folder::Folder;

/// The folder of the libraries' copies.
#[derive(Debug)]
pub(super) enum Libraries {
    /// In the folder of all copies.
    WithAll,
    /// In one of their own.
    Apart(Folder),
}

impl Libraries {
    /// With all copies, unless nothing can be loaded from there and there is another place.
    pub(super) fn beside(folder: &Folder) -> Self {
        choose(folder, &others(), &runs_code)
    }

    pub(super) fn within(&self, all: &Folder) -> PathBuf {
        let folder = match self {
            Self::WithAll => all,
            Self::Apart(own) => own,
        };
        folder.path().join("libraries")
    }
}

fn choose(folder: &Folder, others: &[PathBuf], runs_code: &dyn Fn(&Path) -> bool) -> Libraries {
    if runs_code(folder.path()) {
        return Libraries::WithAll;
    }
    let folder_in = |place: &PathBuf| {
        std::fs::create_dir_all(place).ok()?;
        if runs_code(place) { Folder::within(place).ok() } else { None }
    };
    // Without any, loading fails, and says what is wrong with the place.
    others.iter().find_map(folder_in).map_or(Libraries::WithAll, Libraries::Apart)
}

/// Folders that are the user's own.
fn others() -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let runtime = runtime.filter(|folder| folder.is_absolute());
    let cache = etcetera::choose_base_strategy().ok().map(|dirs| dirs.cache_dir().join("drs"));
    runtime.into_iter().chain(cache).collect()
}

/// Whether libraries can be loaded from a folder, as far as its file system's options tell.
#[cfg(unix)]
#[must_use]
pub fn runs_code(folder: &Path) -> bool {
    use rustix::fs::StatVfsMountFlags;
    let found = rustix::fs::statvfs(folder);
    !found.is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::NOEXEC))
}

/// Nothing tells.
#[cfg(not(unix))]
#[must_use]
pub fn runs_code(_: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_go_where_code_runs() {
        let places = tempfile::tempdir().unwrap();
        let place = |name: &str| places.path().join(name);
        let all = Folder::within(places.path()).unwrap();
        let others = [place("a"), place("b/c")];
        let within = |runs_code: &dyn Fn(&Path) -> bool| {
            let chosen = choose(&all, &others, runs_code);
            let within = chosen.within(&all);
            // As private as the first, and gone with its owner.
            if let Libraries::Apart(folder) = chosen {
                let path = folder.path().to_owned();
                assert!(path.is_dir());
                drop(folder);
                assert!(!path.exists());
            }
            within
        };
        assert!(within(&|_| true).starts_with(all.path()));
        assert!(within(&|folder| folder != all.path()).starts_with(place("a")));
        let last = within(&|folder| folder.starts_with(place("b")));
        assert!(last.starts_with(place("b/c")), "{last:?}");
        // Nowhere: loading says what is wrong.
        assert!(within(&|_| false).starts_with(all.path()));
    }

    /// `cargo test` has just run code from the target folder; the system's list tells the rest.
    #[cfg(target_os = "linux")]
    #[test]
    fn options_of_file_systems_tell() {
        assert!(runs_code(&std::env::current_exe().unwrap()));
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        for mount in mounts.lines() {
            let fields: Vec<&str> = mount.split(' ').collect();
            let (place, options) = (Path::new(fields[1]), fields[3]);
            // Another file system may lie over it.
            let over = |other: &&str| *other == fields[1];
            let only = mounts.lines().filter_map(|other| other.split(' ').nth(1)).filter(over);
            if only.count() == 1 && rustix::fs::statvfs(place).is_ok() {
                let noexec = options.split(',').any(|option| option == "noexec");
                assert_eq!(runs_code(place), !noexec, "{mount}");
            }
        }
    }
}
