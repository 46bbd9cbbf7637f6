//! Which machine and device a package was compiled for, by its metadata.

use std::collections::BTreeMap;

use drs_plugins_api::{Error, ErrorKind};
use tch::Device;

use crate::explain::model_error;

type Metadata = BTreeMap<String, String>;

/// Whether this machine can run the code.
pub(super) fn check_machine(metadata: &Metadata) -> Result<(), Error> {
    use std::env::consts::{ARCH, OS};
    let told = |key: &str| metadata.get(key).map(String::as_str).filter(|told| !told.is_empty());
    let other = |key: &str, found: &str, expected: &str| {
        let message = format!("{key}: a package for {found} found, but this machine is {expected}");
        Err(model_error(message).hint("compile the package on a machine like this one"))
    };
    match (told("AOTI_PLATFORM"), told("AOTI_MACHINE")) {
        (Some(platform), _) if platform != OS => other("AOTI_PLATFORM", platform, OS),
        (_, Some(machine)) if machine.to_lowercase() != ARCH => {
            other("AOTI_MACHINE", machine, ARCH)
        }
        _ => Ok(()),
    }?;
    match told("AOTI_CPU_ISA") {
        Some(needed) if !has(needed) => {
            other("AOTI_CPU_ISA", needed, &format!("a processor without {needed}"))
        }
        _ => Ok(()),
    }
}

/// Whether the code is for this kind of device.
pub(super) fn check_device(metadata: &Metadata, device: Device) -> Result<(), Error> {
    let found = metadata.get("AOTI_DEVICE_KEY").map_or("", String::as_str);
    let expected = if device.is_cuda() { "cuda" } else { "cpu" };
    if found == expected {
        return Ok(());
    }
    if found.is_empty() {
        return Err(model_error("AOTI_DEVICE_KEY is missing in its metadata: no device is told")
            .hint("compile the package with PyTorch 2.11"));
    }
    let message =
        format!("device: a package compiled for {found} found, expected one for {expected}");
    let error = Error::new(ErrorKind::Config, message);
    Err(error.hint(format!(
        "set device = \"{found}\", or compile the model for {expected}: the device is part of the code"
    )))
}

/// Whether this processor has instructions that PyTorch compiled for.
#[cfg(target_arch = "x86_64")]
fn has(needed: &str) -> bool {
    // As `torch._inductor.cpu_vec_isa` names them, several with blanks or underscores between.
    let words = needed.split([' ', '_']);
    let missing = |word: &str| match word.to_uppercase().as_str() {
        "AVX2" => {
            !(is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("bmi2"))
        }
        "AVX512" => {
            !(is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl"))
        }
        "VNNI" => !is_x86_feature_detected!("avx512vnni"),
        // PyTorch does not tell all that it compiles for: what is not known here is not checked.
        _ => false,
    };
    !words.into_iter().any(missing)
}

#[cfg(not(target_arch = "x86_64"))]
fn has(_: &str) -> bool {
    true
}
