//! The two layouts of libtorch: with and without CUDA.

use std::path::{Path, PathBuf};

use crate::wheels::{CPU, CUDA, Wheel};

/// Which libtorch to provide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Without the 3 GB of CUDA libraries.
    Cpu,
    /// With all of them.
    Cuda,
}

impl View {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }

    pub(crate) fn wheels(self) -> impl Iterator<Item = &'static Wheel> {
        let more: &[Wheel] = if self == Self::Cuda { CUDA } else { &[] };
        CPU.iter().chain(more)
    }

    /// Where in the folder a file of a wheel goes; none if it is not needed.
    pub(crate) fn place(self, file: &str) -> Option<PathBuf> {
        if let Some(header) = file.strip_prefix("torch/include/") {
            return Some(Path::new("include").join(header));
        }
        // All in one folder: libraries look for each other beside themselves ($ORIGIN).
        let (folder, name) = file.rsplit_once('/')?;
        let known =
            folder == "torch/lib" || (folder.starts_with("nvidia/") && folder.ends_with("/lib"));
        let wanted = match self {
            Self::Cpu => CPU_LIBRARIES.contains(&name),
            Self::Cuda => name.ends_with(".so") || name.contains(".so."),
        };
        (known && wanted).then(|| Path::new("lib").join(name))
    }

    /// Links to make: (name, what it points to), both in `lib`.
    pub(crate) fn links(self) -> &'static [(&'static str, &'static str)] {
        // torch-sys passes -lgomp. Found here, it is the file that libtorch itself
        // uses; the system's would be a second one to load under the same name.
        const GOMP: (&str, &str) = ("libgomp.so", "libgomp.so.1");
        match self {
            // torch-sys passes -ltorch; the wheel's libtorch.so needs libtorch_cuda.
            Self::Cpu => &[GOMP, ("libtorch.so", "libtorch_cpu.so")],
            Self::Cuda => &[GOMP],
        }
    }

    /// Files without which the folder is not complete.
    pub(crate) fn needed(self) -> impl Iterator<Item = PathBuf> {
        let more: &[&str] = match self {
            Self::Cpu => &[],
            Self::Cuda => &["libtorch_cuda.so", "libc10_cuda.so", "libcudnn.so.9"],
        };
        let libraries = CPU_LIBRARIES.iter().chain(more).chain(&["libtorch.so", "libgomp.so"]);
        let others = ["include/torch/script.h", "build-version"].map(PathBuf::from);
        libraries.map(|name| Path::new("lib").join(name)).chain(others)
    }
}

/// libtorch_cpu and what it links to. Built with CUDA, it needs CUDA's runtime and
/// profiler, which load without a GPU or driver.
const CPU_LIBRARIES: &[&str] =
    &["libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart.so.13", "libcupti.so.13"];
