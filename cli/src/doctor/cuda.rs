//! Whether CUDA can be used, as far as files tell: nothing is loaded.

use std::path::{Path, PathBuf};

use drs_core::text::counted;

use super::check::Check;

const NAME: &str = "CUDA";

/// The driver's half that programs load.
const LIBRARY: &str = "libcuda.so.1";

/// Where it usually is, beside what LD_LIBRARY_PATH names.
const FOLDERS: [&str; 8] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/lib/wsl/lib",
    "/usr/local/nvidia/lib64",
    "/usr/local/cuda/compat",
    "/run/opengl-driver/lib",
];

pub(super) fn check() -> Check {
    let named = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&named).collect();
    folders.extend(FOLDERS.map(PathBuf::from));
    judge(devices(Path::new("/dev")), library(&folders).as_deref())
}

fn judge(devices: usize, library: Option<&Path>) -> Check {
    let found = counted(devices, "NVIDIA device");
    match library {
        _ if devices == 0 => Check::none(
            NAME,
            "no NVIDIA device (/dev/nvidia0)",
            "models run on the CPU; in a container, start it with the host's devices (--gpus all)",
        ),
        None => Check::none(
            NAME,
            format!("{found}, but no {LIBRARY}"),
            "install the NVIDIA driver; in a container, start it with the driver's libraries (--gpus all)",
        ),
        Some(library) => Check::ok(NAME, format!("{found}, {}", library.display())),
    }
}

/// How many files such as `nvidia0` are there. `nvidiactl` and others are no devices.
fn devices(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let is_device = |name: &str| {
        let number = name.strip_prefix("nvidia");
        // Under Windows there is one file for all.
        let is_number = |n: &str| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit());
        number.is_some_and(is_number) || name == "dxg"
    };
    entries.filter(|entry| entry.file_name().to_str().is_some_and(is_device)).count()
}

fn library(folders: &[PathBuf]) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(LIBRARY)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    #[test]
    fn a_device_needs_its_driver() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path();
        assert_eq!(devices(path), 0);
        for name in ["nvidia0", "nvidia12", "nvidiactl", "nvidia-uvm", "nvidia"] {
            std::fs::write(path.join(name), "").unwrap();
        }
        assert_eq!(devices(path), 2);
        assert_eq!(library(&[path.to_owned()]), None);
        std::fs::write(path.join(LIBRARY), "").unwrap();
        let found = library(&[path.join("absent"), path.to_owned()]).unwrap();
        assert_eq!(judge(0, Some(&found)).state, State::None);
        let alone = judge(2, None);
        assert_eq!((alone.state, alone.mend.is_some()), (State::None, true));
        assert_eq!(judge(2, Some(&found)).state, State::Ok);
    }
}
