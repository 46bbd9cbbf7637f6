//! What is provided: libtorch with and without CUDA, and ONNX Runtime.

use std::path::{Path, PathBuf};

use crate::VERSION;
use crate::wheels::{CPU, CUDA, ONNX_RUNTIME, Wheel};

/// The version of ONNX Runtime that tests run with; the `ort` plugin takes others too.
const ONNX_RUNTIME_VERSION: &str = "1.32.0";

/// Which runtime to provide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Without the 3 GB of CUDA libraries.
    Cpu,
    /// With all of them.
    Cuda,
    /// ONNX Runtime for the CPU.
    OnnxRuntime,
}

impl View {
    pub(crate) fn runtime(self) -> &'static str {
        match self {
            Self::Cpu | Self::Cuda => "libtorch",
            Self::OnnxRuntime => "onnxruntime",
        }
    }

    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Cpu | Self::Cuda => VERSION,
            Self::OnnxRuntime => ONNX_RUNTIME_VERSION,
        }
    }

    /// The name of its folder in the cache.
    pub(crate) fn folder(self) -> String {
        let device = if self == Self::Cuda { "cuda" } else { "cpu" };
        format!("{}-{}-{device}", self.runtime(), self.version())
    }

    pub(crate) fn wheels(self) -> impl Iterator<Item = &'static Wheel> {
        let (first, more): (&[Wheel], &[Wheel]) = match self {
            Self::Cpu => (CPU, &[]),
            Self::Cuda => (CPU, CUDA),
            Self::OnnxRuntime => (ONNX_RUNTIME, &[]),
        };
        first.iter().chain(more)
    }

    /// Where in the folder a file of a wheel goes; none if it is not needed.
    pub(crate) fn place(self, file: &str) -> Option<PathBuf> {
        if let Some(header) = file.strip_prefix("torch/include/") {
            return Some(Path::new("include").join(header));
        }
        // All in one folder: libraries look for each other beside themselves ($ORIGIN).
        let (folder, name) = file.rsplit_once('/')?;
        let known = folder == "onnxruntime/capi"
            || folder == "torch/lib"
            || (folder.starts_with("nvidia/") && folder.ends_with("/lib"));
        let wanted = match self {
            Self::Cpu => CPU_LIBRARIES.contains(&name),
            Self::Cuda => name.ends_with(".so") || name.contains(".so."),
            Self::OnnxRuntime => name.starts_with("libonnxruntime"),
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
            Self::OnnxRuntime => &[],
        }
    }

    /// Files without which the folder is not complete.
    pub(crate) fn needed(self) -> Vec<PathBuf> {
        const TORCH: [&str; 2] = ["libtorch.so", "libgomp.so"];
        let libraries: Vec<&str> = match self {
            Self::Cpu => CPU_LIBRARIES.iter().chain(&TORCH).copied().collect(),
            Self::Cuda => {
                let cuda = ["libtorch_cuda.so", "libc10_cuda.so", "libcudnn.so.9"];
                CPU_LIBRARIES.iter().chain(&TORCH).copied().chain(cuda).collect()
            }
            Self::OnnxRuntime => vec![ONNX_RUNTIME_LIBRARY],
        };
        let header = (self != Self::OnnxRuntime).then_some("include/torch/script.h");
        let others = header.into_iter().chain(["build-version"]).map(PathBuf::from);
        libraries.into_iter().map(|name| Path::new("lib").join(name)).chain(others).collect()
    }
}

/// What a program loads of ONNX Runtime.
pub(crate) const ONNX_RUNTIME_LIBRARY: &str = "libonnxruntime.so.1.32.0";

/// libtorch_cpu and what it links to. Built with CUDA, it needs CUDA's runtime and
/// profiler, which load without a GPU or driver.
const CPU_LIBRARIES: &[&str] =
    &["libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart.so.13", "libcupti.so.13"];
