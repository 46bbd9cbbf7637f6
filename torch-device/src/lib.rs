//! Devices: what is asked for, and whether it is there.
//!
//! What links this links libtorch's CPU half only, so that one binary serves every
//! machine; the CUDA half is opened when a CUDA device is asked for.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::OnceLock;

use serde::Deserialize;
use tch::{Cuda, Device};

/// `cpu`, `cuda` (the first GPU) or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DeviceName(Device);

impl DeviceName {
    /// The processor.
    pub const CPU: Self = Self(Device::Cpu);

    /// The device, if this machine has it.
    ///
    /// # Errors
    /// If it has not, or libtorch has no CUDA half: a missing device is never
    /// silently the CPU.
    pub fn available(self) -> Result<Device, String> {
        let Device::Cuda(index) = self.0 else { return Ok(self.0) };
        let missing = |problem: String| format!("device {self}: {problem}");
        load_cuda().map_err(missing)?;
        let found = if Cuda::is_available() { Cuda::device_count() } else { 0 };
        match usize::try_from(found) {
            Ok(0) | Err(_) => Err(missing("libtorch finds no CUDA device".to_owned())),
            Ok(count) if index >= count => {
                Err(missing(format!("libtorch finds {count} CUDA devices, numbered from 0")))
            }
            Ok(_) => Ok(self.0),
        }
    }
}

impl TryFrom<String> for DeviceName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for DeviceName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |index: &str| index.parse().ok().map(|index| Self(Device::Cuda(index)));
        match text {
            "cpu" => Ok(Self::CPU),
            "cuda" => Ok(Self(Device::Cuda(0))),
            _ => text.strip_prefix("cuda:").and_then(number).ok_or_else(|| {
                format!("device \"{text}\" found, expected \"cpu\", \"cuda\" or \"cuda:0\"")
            }),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Device::Cuda(index) => write!(f, "cuda:{index}"),
            _ => f.write_str("cpu"),
        }
    }
}

/// Opens libtorch's CUDA half where there is a GPU.
///
/// To be called before anything else of libtorch: it asks once whether the CUDA
/// half is there and keeps the answer for good.
pub fn prepare() {
    if Path::new("/dev/nvidiactl").exists() {
        // Whoever asks for the device is told of a failure; the others need not care.
        let _ = load_cuda();
    }
}

/// The static initialisers of libtorch_cuda register that half.
fn load_cuda() -> Result<(), String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    LOADED.get_or_init(open_libtorch_cuda).clone()
}

fn open_libtorch_cuda() -> Result<(), String> {
    open("libtorch_cuda.so").map_err(|cause| {
        format!(
            "the CUDA half of libtorch cannot be loaded: {cause}; LD_LIBRARY_PATH may name the lib folder of a PyTorch with CUDA"
        )
    })
}

/// Opens the library that code compiled by PyTorch links to. It holds nothing itself, but that
/// code is not loaded without it, and does not look where this process finds libtorch.
///
/// # Errors
/// If it is not beside the rest of libtorch.
pub fn open_libtorch() -> Result<(), String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    let loaded = LOADED.get_or_init(|| open("libtorch.so"));
    loaded.clone().map_err(|cause| {
        format!(
            "libtorch.so cannot be loaded: {cause}; LD_LIBRARY_PATH may name the lib folder of a PyTorch"
        )
    })
}

/// Opens a library of libtorch for good, where this one's own libraries are found.
#[cfg(unix)]
fn open(name: &str) -> Result<(), String> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: runs libtorch's initialisers, as linking to it would; it is never closed.
    let library = unsafe { Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL) };
    let library = library.map_err(|error| {
        std::error::Error::source(&error).map_or_else(String::new, |cause| cause.to_string())
    })?;
    std::mem::forget(library);
    Ok(())
}

#[cfg(not(unix))]
fn open(_: &str) -> Result<(), String> {
    Err("it is supported on Linux only".to_owned())
}

/// Lets the program keep the memory of large tensors for the next ones, instead of
/// giving it back to the system and having it cleared anew: a quarter of the time of
/// training a small network. For programs, not for plugins: it is their host's memory.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn keep_memory() {
    const AHEAD: i32 = 256 << 20;
    for (parameter, value) in [
        (libc::M_MMAP_THRESHOLD, i32::MAX),
        (libc::M_TRIM_THRESHOLD, i32::MAX),
        (libc::M_TOP_PAD, AHEAD),
    ] {
        // SAFETY: changes the allocator's settings only, which it guards itself.
        unsafe { libc::mallopt(parameter, value) };
    }
}

/// Other allocators are as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_memory() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_torch_s() {
        for (text, shown) in [("cpu", "cpu"), ("cuda", "cuda:0"), ("cuda:3", "cuda:3")] {
            assert_eq!(text.parse::<DeviceName>().unwrap().to_string(), shown);
        }
        for text in ["gpu", "cuda:", "cuda:x", "cuda:-1", ""] {
            assert!(text.parse::<DeviceName>().unwrap_err().contains("expected \"cpu\""), "{text}");
        }
    }
}
