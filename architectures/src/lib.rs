#![forbid(unsafe_code)]
//! Network architectures, each described once for all who load, run, train or
//! export it: whoever implements [`Layers`] gives the layers their meaning.
//!
//! To add one: a file with its paper in the header, and a line in [`Architecture::find`]
//! and [`Architecture::forward`].

mod cifar_resnet;
mod resnet;
mod small_cnn;
mod tensors;

/// What a network is made of.
pub trait Layers {
    /// Feature maps between layers, and the logits at the end.
    type Maps;
    /// What may go wrong.
    type Error;

    /// A convolution without bias (its tensor is `{conv}.weight`), then batch normalisation
    /// (`{norm}.weight`, `.bias`, `.running_mean` and `.running_var`).
    ///
    /// # Errors
    /// The implementer's.
    fn conv_norm(
        &mut self,
        maps: &Self::Maps,
        conv: &str,
        norm: &str,
        sizes: Sizes,
    ) -> Result<Self::Maps, Self::Error>;

    /// max(x, 0).
    ///
    /// # Errors
    /// The implementer's.
    fn relu(&mut self, maps: &Self::Maps) -> Result<Self::Maps, Self::Error>;

    /// The sum of two of the same shape.
    ///
    /// # Errors
    /// The implementer's.
    fn add(&mut self, a: &Self::Maps, b: &Self::Maps) -> Result<Self::Maps, Self::Error>;

    /// The maximum over 3×3 pixels, at every second one, with a border of one.
    ///
    /// # Errors
    /// The implementer's.
    fn max_pool(&mut self, maps: &Self::Maps) -> Result<Self::Maps, Self::Error>;

    /// The mean over all pixels, then a linear layer with bias that has so many
    /// `features` as inputs and the classes as outputs.
    ///
    /// # Errors
    /// The implementer's.
    fn head(
        &mut self,
        maps: &Self::Maps,
        name: &str,
        features: usize,
    ) -> Result<Self::Maps, Self::Error>;
}

/// Name of the last layer in every architecture here.
pub const HEAD: &str = "fc";

/// Sizes of a convolution; its border is half the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Channels.
    pub from: usize,
    /// Channels.
    pub to: usize,
    /// Pixels each way.
    pub kernel: usize,
    /// Pixels.
    pub stride: usize,
}

/// A network's shape; the number of classes is free.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Architecture {
    name: &'static str,
    kind: Kind,
    mean: &'static [f32],
    std: &'static [f32],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    CifarResnet { depth: usize },
    Resnet { blocks: [usize; 4] },
    SmallCnn { width: usize },
}

/// As in Cohen et al. 2019: statistics of the CIFAR-10 training set.
const CIFAR10: [&[f32]; 2] = [&[0.4914, 0.4822, 0.4465], &[0.2023, 0.1994, 0.2010]];
/// Statistics of ImageNet, as torchvision has them.
const IMAGENET: [&[f32]; 2] = [&[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225]];
/// Statistics of the Fashion-MNIST training set.
const FASHION_MNIST: [&[f32]; 2] = [&[0.2860], &[0.3530]];

const ALL: [Architecture; 5] = [
    Architecture::new("cifar_resnet20", Kind::CifarResnet { depth: 20 }, CIFAR10),
    Architecture::new("cifar_resnet110", Kind::CifarResnet { depth: 110 }, CIFAR10),
    Architecture::new("resnet50", Kind::Resnet { blocks: [3, 4, 6, 3] }, IMAGENET),
    Architecture::new("small_cnn", Kind::SmallCnn { width: 32 }, FASHION_MNIST),
    Architecture::new("tiny_cnn", Kind::SmallCnn { width: 16 }, FASHION_MNIST),
];

impl Architecture {
    const fn new(name: &'static str, kind: Kind, [mean, std]: [&'static [f32]; 2]) -> Self {
        Self { name, kind, mean, std }
    }

    /// The architecture of that name, as published checkpoints call it.
    ///
    /// # Errors
    /// If there is none; the message lists those there are.
    pub fn find(name: &str) -> Result<Self, String> {
        let found = ALL.into_iter().find(|architecture| architecture.name == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::names().collect();
            format!("arch: \"{name}\" found, expected one of {}", names.join(", "))
        })
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ALL.iter().map(Self::name)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Channels of its inputs.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.mean.len()
    }

    /// Mean and standard deviation per channel of the normalisation that the
    /// field puts in front of it.
    #[must_use]
    pub fn normalisation(&self) -> (&'static [f32], &'static [f32]) {
        (self.mean, self.std)
    }

    /// The logits of normalised inputs.
    ///
    /// # Errors
    /// The first that a layer returns.
    pub fn forward<L: Layers>(
        &self,
        layers: &mut L,
        inputs: &L::Maps,
    ) -> Result<L::Maps, L::Error> {
        match self.kind {
            Kind::CifarResnet { depth } => cifar_resnet::forward(depth, layers, inputs),
            Kind::Resnet { blocks } => resnet::forward(blocks, layers, inputs),
            Kind::SmallCnn { width } => small_cnn::forward(width, layers, inputs),
        }
    }
}
