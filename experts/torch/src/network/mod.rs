//! A classifier as libtorch runs it: loaded, frozen, fused, checked.
//!
//! TorchScript files and checkpoints take one way: a module (read from the file,
//! or traced from an architecture) is frozen, so that batch normalisation folds
//! into the convolutions, and compiled to a plain graph. On the CPU its
//! convolutions then get packed weights and take the addition and ReLU behind
//! them along (`shim.cpp`). What fusing made is compared with the plain graph
//! before it is used. Packages are compiled already (`package/`) and run as they are.

mod ffi;

use drs_plugins_api::{Error, Normalisation};
use tch::{Device, Kind, TchError, Tensor};

use crate::constant::Constant;
use crate::explain::{device_error, message, model_error};
use crate::package::Package;
use crate::precision::Precision;
use crate::signed;
use ffi::{Compiled, Lowering, Module};

/// How a network is made ready.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) device: Device,
    pub(crate) precision: Precision,
    /// Memory format of activations.
    pub(crate) channels_last: bool,
    /// Channels, height, width.
    pub(crate) shape: [usize; 3],
}

/// A network on one device.
pub(crate) struct Network {
    runs: Runs,
    target: Target,
    outputs: usize,
    /// Why it runs slower than it could.
    unfused: Option<String>,
    /// Mean and deviation, `[1, channels, 1, 1]`.
    normalisation: Option<(Constant, Constant)>,
}

/// What computes the logits.
enum Runs {
    Graph(Compiled),
    Package(Package),
}

impl Runs {
    fn run(&self, pixels: &Tensor, channels_last: bool) -> Result<Tensor, String> {
        match self {
            Self::Graph(graph) => graph.run(pixels, channels_last),
            Self::Package(package) => package.run(pixels),
        }
    }
}

impl Network {
    /// From the bytes of a TorchScript file.
    pub(crate) fn from_torchscript(bytes: &[u8], target: Target) -> Result<Self, Error> {
        let module = Module::load(bytes, target.device).map_err(model_error)?;
        Self::compile(&module, target)
    }

    /// From a function of tensors, which is traced once.
    pub(crate) fn from_function(
        forward: impl FnOnce(&Tensor) -> Result<Tensor, TchError>,
        target: Target,
    ) -> Result<Self, Error> {
        let _no_grad = tch::no_grad_guard();
        let forward = |input: &Tensor| {
            forward(input).map_err(|error| {
                let (shape, problem) = (target.shape, message(&error.to_string()));
                format!("the architecture does not take inputs of shape {shape:?}: {problem}")
            })
        };
        let module = Module::trace(&sample(target), forward).map_err(model_error)?;
        Self::compile(&module, target)
    }

    fn compile(module: &Module, mut target: Target) -> Result<Self, Error> {
        // Made anew each time: some modules write to their input.
        let input = move || sample(target);
        let (plain, fused) = match target.precision {
            Precision::F32 => (Lowering::Plain, Lowering::Fused),
            Precision::Bf16 => (Lowering::Cast, Lowering::FusedCast),
        };
        let plain = module.compile(plain).map_err(model_error)?;
        // Some modules reshape in ways that need the ordinary memory format.
        if target.channels_last && plain.run(&input(), true).is_err() {
            target.channels_last = false;
        }
        let expected = plain
            .run(&input(), target.channels_last)
            .map_err(|problem| does_not_run(&problem, target))?;
        let outputs = outputs(&expected)?;
        let fused = || -> Result<Compiled, String> {
            let compiled = module.compile(fused)?;
            let found = compiled.run(&input(), target.channels_last)?;
            check_agreement(&expected, &found, target.precision).map(|()| compiled)
        };
        // What fusing cannot do, or not do right, runs plain.
        let (compiled, unfused) = match (target.device == Device::Cpu).then(fused) {
            Some(Ok(fused)) => (fused, None),
            Some(Err(reason)) => (plain, Some(reason)),
            None => (plain, None),
        };
        Ok(Self { runs: Runs::Graph(compiled), target, outputs, unfused, normalisation: None })
    }

    /// From a package that is loaded.
    pub(crate) fn from_package(package: Package, target: Target) -> Result<Self, Error> {
        let run = |input: &Tensor| package.run(input).map_err(|said| does_not_run(&said, target));
        let (input, rows) = (sample(target), package.rows());
        let output = run(&input)?;
        let outputs = outputs(&output)?;
        // The two again and again, up to the last row of a batch.
        let pairs = |pair: &Tensor, tail: &[i64]| {
            pair.repeat([&[signed(rows.div_ceil(2))], tail].concat()).narrow(0, 0, signed(rows))
        };
        let (found, expected) = (run(&pairs(&input, &[1, 1, 1]))?, pairs(&output, &[1]));
        check_agreement(&expected, &found, Precision::F32).map_err(|problem| {
            model_error(format!("in a batch of {rows} its answers depend on the place: {problem}"))
                .hint("the code may be right for some batches only, such as even ones: set batch")
        })?;
        let runs = Runs::Package(package);
        Ok(Self { runs, target, outputs, unfused: None, normalisation: None })
    }

    /// The rows of every run, where they are not any.
    pub(crate) fn rows(&self) -> Option<usize> {
        match &self.runs {
            Runs::Graph(_) => None,
            Runs::Package(package) => Some(package.rows()),
        }
    }

    /// Puts a normalisation in front of the network.
    pub(crate) fn normalised(mut self, by: &Normalisation) -> Self {
        let row = |values: &[f32]| {
            let row = Tensor::from_slice(values).reshape([1, -1, 1, 1]);
            Constant::from(row.to_device(self.target.device))
        };
        self.normalisation = Some((row(by.mean()), row(by.std())));
        self
    }

    /// The number of logits per input.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Why the network could not be fused for the CPU, if so.
    pub(crate) fn unfused(&self) -> Option<&str> {
        self.unfused.as_deref()
    }

    /// Where it runs.
    pub(crate) fn device(&self) -> Device {
        self.target.device
    }

    /// Logits `[batch, outputs]` in f32, on the network's device, for a batch of
    /// lattice values `[batch, channels, height, width]` in steps of 1/levels.
    pub(crate) fn logits(&self, lattice: &Tensor, levels: u16) -> Result<Tensor, Error> {
        let _no_grad = tch::no_grad_guard();
        let pixels = self.pixels(lattice, levels).map_err(|error| device_error(&error))?;
        let output = self.runs.run(&pixels, self.target.channels_last).map_err(model_error)?;
        let expected = [lattice.size()[0], i64::try_from(self.outputs).unwrap_or(0)];
        if output.size() != expected {
            let found = output.size();
            return Err(model_error(format!(
                "an output of shape {found:?}, expected {expected:?}"
            )));
        }
        output.f_to_kind(Kind::Float).map_err(|error| device_error(&error))
    }

    /// What the network takes: floats in \[0, 1\] and beyond, normalised.
    fn pixels(&self, lattice: &Tensor, levels: u16) -> Result<Tensor, TchError> {
        let mut pixels = lattice.f_to_kind(Kind::Float)?.f_div_scalar_(i64::from(levels))?;
        if let Some((mean, std)) = &self.normalisation {
            pixels = pixels.f_sub_(mean)?.f_div_(std)?;
        }
        Ok(pixels)
    }
}

/// Two inputs that look like noisy images; fixed, so that checks repeat.
fn sample(target: Target) -> Tensor {
    let [channels, height, width] = target.shape.map(|dim| i64::try_from(dim).unwrap_or(0));
    let values = 2 * channels * height * width;
    // The fractional parts of multiples of an irrational number, between −0.5 and 1.5.
    let steps = Tensor::arange(values, (Kind::Double, Device::Cpu)) * std::f64::consts::SQRT_2;
    let unit = &steps - steps.floor();
    ((unit * 2.0) - 0.5)
        .to_kind(Kind::Float)
        .reshape([2, channels, height, width])
        .to_device(target.device)
}

fn does_not_run(problem: &str, target: Target) -> Error {
    let shape = target.shape;
    let error = model_error(format!("it does not take inputs of shape {shape:?}: {problem}"));
    match target.precision {
        Precision::F32 => error,
        Precision::Bf16 => error.hint("some models run with dtype = \"f32\" only"),
    }
}

/// The number of classes, from the output for two inputs.
fn outputs(output: &Tensor) -> Result<usize, Error> {
    match output.size().as_slice() {
        [2, outputs] if output.is_floating_point() => Ok(usize::try_from(*outputs).unwrap_or(0)),
        found => Err(model_error(format!(
            "its output for 2 inputs has shape {found:?} and type {:?}, expected [2, classes] floats",
            output.kind()
        ))),
    }
}

/// Whether a fused graph gives what the plain one does, up to rounding.
fn check_agreement(expected: &Tensor, found: &Tensor, precision: Precision) -> Result<(), String> {
    if expected.size() != found.size() {
        return Err(format!("shape {:?}, expected {:?}", found.size(), expected.size()));
    }
    let expected = expected.to_kind(Kind::Double);
    let largest = expected.abs().max().double_value(&[]);
    if !largest.is_finite() {
        // A model that answers with NaN is reported when it votes, not here.
        return Ok(());
    }
    let scale = largest.max(1.0);
    let largest = (found.to_kind(Kind::Double) - &expected).abs().max().double_value(&[]);
    let tolerance = match precision {
        Precision::F32 => 1e-4,
        Precision::Bf16 => 0.1,
    };
    if largest <= tolerance * scale {
        return Ok(());
    }
    Err(format!("a difference of {largest} at outputs of {scale}"))
}

#[cfg(test)]
mod tests;
