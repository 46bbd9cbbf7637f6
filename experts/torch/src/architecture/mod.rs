//! Architectures by the names that published checkpoints use.
//!
//! To add one: a file with its paper in the header, and a line in [`build`].

mod cifar_resnet;
mod layers;
mod resnet;

use drs_plugins_api::{Error, ErrorKind};
use tch::{TchError, Tensor};

use crate::weights::Weights;

/// A network as a function of a normalised batch `[n, channels, height, width]`.
pub(crate) type Forward = Box<dyn Fn(&Tensor) -> Result<Tensor, TchError>>;

/// An architecture with its weights.
pub(crate) struct Architecture {
    pub(crate) forward: Forward,
    /// Mean and standard deviation per channel that the field's normalisation
    /// layer in front of this architecture has.
    pub(crate) normalisation: ([f32; 3], [f32; 3]),
}

/// As in Cohen et al. 2019: statistics of the CIFAR-10 training set.
const CIFAR10: ([f32; 3], [f32; 3]) = ([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]);
/// Statistics of ImageNet, as torchvision has them.
const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

/// The architecture called `name`, with its tensors taken from `weights`.
pub(crate) fn build(name: &str, weights: &mut Weights) -> Result<Architecture, Error> {
    let (forward, normalisation) = match name {
        "cifar_resnet20" => (cifar_resnet::build(20, weights)?, CIFAR10),
        "cifar_resnet110" => (cifar_resnet::build(110, weights)?, CIFAR10),
        "resnet50" => (resnet::build([3, 4, 6, 3], weights)?, IMAGENET),
        _ => {
            let message = format!(
                "arch: \"{name}\" found, expected \"cifar_resnet20\", \"cifar_resnet110\" or \"resnet50\""
            );
            return Err(Error::new(ErrorKind::Config, message).hint(
                "export other architectures with torch.jit.trace and use kind = \"torchscript\"",
            ));
        }
    };
    Ok(Architecture { forward, normalisation })
}
