//! Architectures as functions, their tensors taken from a checkpoint.

use std::collections::HashMap;

use drs_architectures::{Architecture, Layers, Sizes};
use drs_plugins_api::{Error, ErrorKind};
use tch::{TchError, Tensor};

use crate::weights::Weights;

/// PyTorch's default.
const NORM_EPSILON: f64 = 1e-5;

/// A network as a function of a normalised batch `[n, channels, height, width]`.
pub(crate) type Forward = Box<dyn Fn(&Tensor) -> Result<Tensor, TchError>>;

/// The architecture called `name`, with its tensors taken from `weights`.
pub(crate) fn build(name: &str, weights: &mut Weights) -> Result<(Architecture, Forward), Error> {
    let architecture = Architecture::find(name).map_err(|message| {
        Error::new(ErrorKind::Config, message)
            .hint("export other architectures with torch.jit.trace and use kind = \"torchscript\"")
    })?;
    let mut taking = Taking { weights, taken: HashMap::new() };
    architecture.forward(&mut taking, &())?;
    let taken = taking.taken;
    Ok((architecture, Box::new(move |x| architecture.forward(&mut Running(&taken), x))))
}

/// Takes every layer's tensors; there is nothing to compute.
struct Taking<'a> {
    weights: &'a mut Weights,
    taken: HashMap<String, Tensor>,
}

impl Taking<'_> {
    fn take(&mut self, name: String, shape: &[usize]) -> Result<(), Error> {
        let tensor = self.weights.take(&name, shape)?;
        self.taken.insert(name, tensor);
        Ok(())
    }
}

impl Layers for Taking<'_> {
    type Maps = ();
    type Error = Error;

    fn conv_norm(&mut self, (): &(), conv: &str, norm: &str, sizes: Sizes) -> Result<(), Error> {
        let Sizes { from, to, kernel, .. } = sizes;
        for part in ["weight", "bias", "running_mean", "running_var"] {
            self.take(format!("{norm}.{part}"), &[to])?;
        }
        self.take(format!("{conv}.weight"), &[to, from, kernel, kernel])
    }

    fn relu(&mut self, (): &()) -> Result<(), Error> {
        Ok(())
    }

    fn add(&mut self, (): &(), (): &()) -> Result<(), Error> {
        Ok(())
    }

    fn max_pool(&mut self, (): &()) -> Result<(), Error> {
        Ok(())
    }

    /// The number of classes is whatever the layer has.
    fn head(&mut self, (): &(), name: &str, features: usize) -> Result<(), Error> {
        let classes = self.weights.rows(&format!("{name}.weight"))?;
        self.take(format!("{name}.weight"), &[classes, features])?;
        self.take(format!("{name}.bias"), &[classes])
    }
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
