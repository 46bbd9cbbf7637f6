//! Architectures as functions of a batch.

use std::collections::HashMap;

use drs_architectures::{Architecture, Layers, Sizes};
use drs_plugins_api::{Error, ErrorKind};
use tch::{TchError, Tensor};

/// PyTorch's default.
const NORM_EPSILON: f64 = 1e-5;

/// A network as a function of a normalised batch `[n, channels, height, width]`.
pub(crate) type Forward = Box<dyn Fn(&Tensor) -> Result<Tensor, TchError>>;

/// The architecture called `name`.
pub(crate) fn find(name: &str) -> Result<Architecture, Error> {
    Architecture::find(name).map_err(|message| {
        Error::new(ErrorKind::Config, message).hint(
            "make a package of a network of your own (examples/python/export.py) and use kind = \"export\", or bring it as TorchScript (kind = \"torchscript\") or ONNX (plugin = \"onnx\")",
        )
    })
}

/// It, with all of its tensors.
pub(crate) fn forward(architecture: Architecture, tensors: HashMap<String, Tensor>) -> Forward {
    Box::new(move |x| architecture.forward(&mut Running(&tensors), x))
}

/// Computes with tensors that are all there.
struct Running<'a>(&'a HashMap<String, Tensor>);

impl Running<'_> {
    fn tensor(&self, layer: &str, part: &str) -> Result<&Tensor, TchError> {
        let name = format!("{layer}.{part}");
        self.0.get(&name).ok_or_else(|| TchError::Torch(format!("tensor {name} was not taken")))
    }
}

impl Layers for Running<'_> {
    type Maps = Tensor;
    type Error = TchError;

    fn conv_norm(
        &mut self,
        maps: &Tensor,
        conv: &str,
        norm: &str,
        sizes: Sizes,
    ) -> Result<Tensor, TchError> {
        let both = |size: usize| [i64::try_from(size).unwrap_or(i64::MAX); 2];
        let (stride, padding) = (both(sizes.stride), both(sizes.kernel / 2));
        let weight = self.tensor(conv, "weight")?;
        maps.f_conv2d(weight, None::<&Tensor>, stride, padding, [1, 1], 1)?.f_batch_norm(
            Some(self.tensor(norm, "weight")?),
            Some(self.tensor(norm, "bias")?),
            Some(self.tensor(norm, "running_mean")?),
            Some(self.tensor(norm, "running_var")?),
            false,
            0.0,
            NORM_EPSILON,
            false,
        )
    }

    fn relu(&mut self, maps: &Tensor) -> Result<Tensor, TchError> {
        maps.f_relu()
    }

    fn add(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor, TchError> {
        a.f_add(b)
    }

    fn max_pool(&mut self, maps: &Tensor) -> Result<Tensor, TchError> {
        maps.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)
    }

    fn head(&mut self, maps: &Tensor, name: &str, _: usize) -> Result<Tensor, TchError> {
        let features = maps.f_adaptive_avg_pool2d([1, 1])?.f_flatten(1, -1)?;
        features.f_linear(self.tensor(name, "weight")?, Some(self.tensor(name, "bias")?))
    }
}
