//! What compiling does to graphs, and that it does not change what they mean.

use super::*;
use crate::tests::{
    LEVELS, answers, assert_fused, fuses_bf16, largest, largest_difference, lattice, models, values,
};
use crate::{architecture, weights};

const F32: f32 = 1e-4;
const BF16: f32 = 0.05;
/// Those that this processor has.
fn lowerings() -> Vec<(Lowering, f32)> {
    let mut all = vec![(Lowering::Plain, F32), (Lowering::Fused, F32), (Lowering::Cast, BF16)];
    if fuses_bf16() {
        all.push((Lowering::FusedCast, BF16));
    } else {
        drs_tests::skipped("this processor fuses no convolutions in bfloat16");
    }
    all
}

const SHAPE: [usize; 3] = [3, 8, 8];

fn count(graph: &str, what: &str) -> usize {
    graph.matches(what).count()
}

fn plain_convolutions(graph: &str) -> usize {
    ["aten::conv2d(", "aten::_convolution(", "aten::_convolution_mode(", "aten::conv_transpose2d("]
        .iter()
        .map(|kind| count(graph, kind))
        .sum()
}

fn fused_convolutions(graph: &str) -> usize {
    // With or without an underscore at the end: those write their sum over an input.
    count(graph, "mkldnn::_convolution_pointwise")
}

#[test]
fn a_residual_network_becomes_convolutions_that_hold_all_else() {
    let checkpoint = drs_checkpoint::read(&models().join("resnet20.pth.tar")).unwrap();
    let architecture = architecture::find("cifar_resnet20").unwrap();
    let fitted = weights::fit(&checkpoint, architecture, None).unwrap();
    let tensors = weights::on_device(&fitted.tensors, Device::Cpu).unwrap();
    let forward = architecture::forward(architecture, tensors);
    let target = target([3, 32, 32], Precision::F32);
    let module =
        Module::trace(&sample(target), |input| forward(input).map_err(|error| error.to_string()))
            .unwrap();
    for (lowering, _) in lowerings() {
        let graph = module.compile(lowering).unwrap().describe();
        assert_eq!(count(&graph, "batch_norm"), 0, "{lowering:?}\n{graph}");
        let fused = matches!(lowering, Lowering::Fused | Lowering::FusedCast);
        let found = [
            plain_convolutions(&graph),
            count(&graph, "aten::relu"),
            count(&graph, "aten::add"),
            fused_convolutions(&graph),
            count(&graph, "value=\"relu\""),
            count(&graph, "value=\"add\""),
            count(&graph, "value=\"none\""),
        ];
        // 9 blocks of two convolutions, of which 2 project what they add; and
        // the stem, which like the first convolution of a block has a ReLU only.
        let expected = if fused { [0, 0, 0, 21, 19, 9, 2] } else { [21, 19, 9, 0, 0, 0, 0] };
        assert_eq!(found, expected, "{lowering:?}\n{graph}");
    }
}

fn target(shape: [usize; 3], precision: Precision) -> Target {
    Target { device: Device::Cpu, precision, channels_last: true, shape }
}

fn structure(name: &str) -> Vec<u8> {
    std::fs::read(models().join(format!("structure-{name}.pt"))).unwrap()
}

/// A module of `structures.py` with PyTorch's answers.
struct Structure {
    name: &'static str,
    bytes: Vec<u8>,
    expected: Vec<f32>,
}

impl Structure {
    fn new(name: &'static str) -> Self {
        let expected = answers(&models().join("structures.csv"), name);
        Self { name, bytes: structure(name), expected }
    }

    #[track_caller]
    fn check(&self, found: &Tensor, tolerance: f32, how: &str) {
        let share = largest_difference(&values(found), &self.expected) / largest(&self.expected);
        assert!(share <= tolerance, "{}, {how}: off by {share}", self.name);
    }

    /// As the plugin runs it; the answer says why nothing is fused, if so.
    #[track_caller]
    fn runs(&self, precision: Precision, tolerance: f32) -> Option<String> {
        let network = Network::from_torchscript(&self.bytes, target(SHAPE, precision)).unwrap();
        let found = network.logits(&lattice(4, SHAPE), LEVELS).unwrap();
        self.check(&found, tolerance, &format!("{precision:?}"));
        network.unfused().map(str::to_owned)
    }

    /// Lowered in one way, and how many convolutions are then fused and plain.
    #[track_caller]
    fn lowers(&self, (lowering, tolerance): (Lowering, f32), fused: usize, plain: usize) {
        let module = Module::load(&self.bytes, Device::Cpu).unwrap();
        let compiled = module.compile(lowering).unwrap();
        for channels_last in [false, true] {
            if self.name == "view" && channels_last {
                continue;
            }
            let pixels = lattice(4, SHAPE).to_kind(Kind::Float) / i64::from(LEVELS);
            let found = compiled.run(&pixels, channels_last).unwrap();
            let how = format!("{lowering:?}, channels last {channels_last}");
            self.check(&found, tolerance, &how);
        }
        let graph = compiled.describe();
        let found = [fused_convolutions(&graph), plain_convolutions(&graph)];
        let fuses = matches!(lowering, Lowering::Fused | Lowering::FusedCast);
        let expected = if fuses { [fused, plain] } else { [0, fused + plain] };
        assert_eq!(found, expected, "{}, {lowering:?}\n{graph}", self.name);
    }
}

/// In every way, with so many convolutions fused and left as they are.
#[track_caller]
fn means_the_same(name: &'static str, fused: usize, plain: usize) {
    let structure = Structure::new(name);
    for lowering in lowerings() {
        structure.lowers(lowering, fused, plain);
    }
    assert_eq!(structure.runs(Precision::F32, F32), None);
    assert_fused(structure.runs(Precision::Bf16, BF16).as_deref(), "bf16");
}

macro_rules! structures {
    ($($test:ident: $name:literal, $fused:literal fused, $plain:literal not;)*) => {
        $(#[test]
        fn $test() {
            means_the_same($name, $fused, $plain);
        })*
    };
}

structures! {
    a_result_that_is_used_twice: "used-twice", 2 fused, 0 not;
    strides_dilations_groups_and_odd_kernels: "odd", 3 fused, 1 not;
    depthwise_convolutions: "depthwise", 3 fused, 0 not;
    a_sum_in_place_that_is_read_again: "add-in-place", 3 fused, 0 not;
    a_relu_in_place_over_what_was_convolved: "relu-in-place", 3 fused, 0 not;
    a_sum_of_two_convolutions: "two-convolutions", 4 fused, 0 not;
    sums_that_are_no_plain_sums: "scaled", 4 fused, 0 not;
    branches_and_loops: "branch", 5 fused, 0 not;
    views_that_forbid_channels_last: "view", 2 fused, 0 not;
    weights_that_are_computed: "computed", 2 fused, 1 not;
    transposed_convolutions: "transposed", 1 fused, 1 not;
}

#[test]
fn a_caller_s_input_that_is_overwritten() {
    means_the_same("input-in-place", 2, 0);
    // Where no change of memory format makes a copy, it spoils what it is tried on.
    let target = Target { channels_last: false, ..target(SHAPE, Precision::F32) };
    let network = Network::from_torchscript(&structure("input-in-place"), target).unwrap();
    assert_eq!(network.unfused(), None);
}

#[test]
fn sums_that_broadcast_run_unfused() {
    for name in ["broadcast", "gate"] {
        let structure = Structure::new(name);
        assert!(structure.runs(Precision::F32, F32).is_some(), "{name}");
        assert!(structure.runs(Precision::Bf16, BF16).is_some(), "{name}");
    }
}

#[test]
fn outputs_that_are_no_classes_are_refused() {
    let error = |name: &str| {
        let target = target(SHAPE, Precision::F32);
        Network::from_torchscript(&structure(name), target).map(|_| ()).unwrap_err().to_string()
    };
    assert!(error("maps").contains("shape [2, 6, 8, 8]"), "{}", error("maps"));
    assert!(error("maps").contains("expected [2, classes]"), "{}", error("maps"));
    assert!(error("pair").contains("not one tensor"), "{}", error("pair"));
}

/// libtorch keeps the state of tracing per thread.
#[test]
fn after_a_trace_that_failed_the_next_one_works() {
    let target = target(SHAPE, Precision::F32);
    let wrong = |x: &Tensor| x.f_matmul(&Tensor::zeros([5, 5], (Kind::Float, Device::Cpu)));
    let right = |x: &Tensor| x.f_mean_dim([2i64, 3].as_slice(), false, Kind::Float);
    for _ in 0..2 {
        let error = Network::from_function(wrong, target).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("inputs of shape [3, 8, 8]"), "{error}");
        assert!(error.contains("shapes cannot be multiplied"), "{error}");
        assert!(!error.contains("Exception raised from"), "{error}");
        assert_eq!(Network::from_function(right, target).unwrap().outputs(), 3);
    }
}
