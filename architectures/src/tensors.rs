//! Names and shapes of an architecture's tensors, without any values.

use std::convert::Infallible;

use crate::{Architecture, Layers, Sizes};

impl Architecture {
    /// Every tensor that a checkpoint of it has, by name and shape, in the order of layers.
    /// `None` stands for the number of classes.
    #[must_use]
    pub fn tensors(&self) -> Vec<(String, Vec<Option<usize>>)> {
        let mut listing = Listing(Vec::new());
        let Ok(()) = self.forward(&mut listing, &());
        listing.0
    }
}

struct Listing(Vec<(String, Vec<Option<usize>>)>);

impl Layers for Listing {
    type Maps = ();
    type Error = Infallible;

    fn conv_norm(
        &mut self,
        (): &(),
        conv: &str,
        norm: &str,
        sizes: Sizes,
    ) -> Result<(), Infallible> {
        let Sizes { from, to, kernel, .. } = sizes;
        let shape = [to, from, kernel, kernel].map(Some).to_vec();
        self.0.push((format!("{conv}.weight"), shape));
        for part in ["weight", "bias", "running_mean", "running_var"] {
            self.0.push((format!("{norm}.{part}"), vec![Some(to)]));
        }
        Ok(())
    }

    fn relu(&mut self, (): &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn add(&mut self, (): &(), (): &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn max_pool(&mut self, (): &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn head(&mut self, (): &(), name: &str, features: usize) -> Result<(), Infallible> {
        self.0.push((format!("{name}.weight"), vec![None, Some(features)]));
        self.0.push((format!("{name}.bias"), vec![None]));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_are_those_of_the_layers() {
        let tensors = Architecture::find("cifar_resnet20").unwrap().tensors();
        // 19 convolutions and 2 projections, each with four of its normalisation; the head.
        assert_eq!(tensors.len(), 21 * 5 + 2);
        assert_eq!(tensors[0].0, "conv1.weight");
        assert_eq!(tensors[0].1, [16, 3, 3, 3].map(Some));
        let last = tensors.last().unwrap();
        assert_eq!((last.0.as_str(), &last.1), ("fc.bias", &vec![None]));
    }
}
