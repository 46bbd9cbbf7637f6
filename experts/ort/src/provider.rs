//! What runs a model.

use drs_plugins_api::{Error, ErrorKind};
use ort::ep::{self, ExecutionProvider as _, ExecutionProviderDispatch};
use serde::Deserialize;

/// An execution provider of ONNX Runtime.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Provider {
    #[default]
    Cpu,
    Cuda,
    Tensorrt,
    Openvino,
}

impl Provider {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Tensorrt => "tensorrt",
            Self::Openvino => "openvino",
        }
    }
}

/// The provider to register, for a device; none for the CPU, which is always there. One that fails
/// is an error: the CPU would take its place without a word.
pub(crate) fn chosen(
    provider: Provider,
    device: Option<u16>,
) -> Result<Option<ExecutionProviderDispatch>, Error> {
    let number = i32::from(device.unwrap_or(0));
    let (there, dispatch) = match provider {
        Provider::Cpu | Provider::Openvino if device.is_some() => {
            let name = provider.name();
            let message = format!("device: found, expected none with provider = \"{name}\"");
            return Err(Error::new(ErrorKind::Config, message));
        }
        Provider::Cpu => return Ok(None),
        Provider::Cuda => {
            (ep::CUDA::is_available(), ep::CUDA::default().with_device_id(number).build())
        }
        Provider::Tensorrt => {
            (ep::TensorRT::is_available(), ep::TensorRT::default().with_device_id(number).build())
        }
        Provider::Openvino => (ep::OpenVINO::is_available(), ep::OpenVINO::default().build()),
    };
    if !there.unwrap_or(false) {
        let name = provider.name();
        let message = format!("provider: \"{name}\" is not in this library of ONNX Runtime");
        return Err(Error::new(ErrorKind::Device, message).hint(
            "use provider = \"cpu\", or another build of the library (for CUDA and TensorRT the Python package onnxruntime-gpu)",
        ));
    }
    Ok(Some(dispatch.error_on_failure()))
}
