//! What compiling does to graphs, and that it does not change what they mean.

use super::*;
use crate::architecture;
use crate::tests::{LEVELS, answers, largest, largest_difference, lattice, models, values};
use crate::weights::Weights;

const F32: f32 = 1e-4;
const BF16: f32 = 0.05;
const LOWERINGS: [(Lowering, f32); 4] = [
    (Lowering::Plain, F32),
    (Lowering::Fused, F32),
    (Lowering::Cast, BF16),
    (Lowering::FusedCast, BF16),
];

const SHAPE: [usize; 3] = [3, 8, 8];

fn count(graph: &str, what: &str) -> usize {
    graph.matches(what).count()
}

fn plain_convolutions(graph: &str) -> usize {
    ["aten::conv2d(", "aten::_convolution(", "aten::conv_transpose2d("]
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
    let mut weights = Weights::new(&checkpoint, Device::Cpu);
    let forward = architecture::build("cifar_resnet20", &mut weights).unwrap().forward;
    let target = target([3, 32, 32], Precision::F32);
    let module = Module::trace(&sample(target), |input| Ok(forward(input))).unwrap();
    for (lowering, _) in LOWERINGS {
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

/// A structure of `structures.py`, and how many convolutions are to be fused
/// and left as they are.
#[track_caller]
fn means_the_same(name: &str, fused: usize, plain: usize) {
    let expected = answers(&models().join("structures.csv"), name);
    let module = Module::load(&structure(name), Device::Cpu).unwrap();
    let pixels = || lattice(4, SHAPE).to_kind(Kind::Float) / i64::from(LEVELS);
    let check = |found: &Tensor, tolerance: f32, what: String| {
        let share = largest_difference(&values(found), &expected) / largest(&expected);
        assert!(share <= tolerance, "{name}, {what}: off by {share}");
    };
    for (lowering, tolerance) in LOWERINGS {
        let compiled = module.compile(lowering).unwrap();
        for channels_last in [false, true] {
            if name == "view" && channels_last {
                continue;
            }
            let found = compiled.run(&pixels(), channels_last).unwrap();
            check(&found, tolerance, format!("{lowering:?}, channels last {channels_last}"));
        }
        let graph = compiled.describe();
        let found = (fused_convolutions(&graph), plain_convolutions(&graph));
        let fuses = matches!(lowering, Lowering::Fused | Lowering::FusedCast);
        let expected = if fuses { (fused, plain) } else { (0, fused + plain) };
        assert_eq!(found, expected, "{name}, {lowering:?}\n{graph}");
    }
    for (precision, tolerance) in [(Precision::F32, F32), (Precision::Bf16, BF16)] {
        let target = target(SHAPE, precision);
        let network = Network::from_torchscript(&structure(name), target).unwrap();
        assert_eq!(network.unfused(), None, "{name}, {precision:?}");
        let found = network.logits(&lattice(4, SHAPE), LEVELS).unwrap();
        check(&found, tolerance, format!("{precision:?} network"));
    }
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
    strides_dilations_groups_and_odd_kernels: "odd", 4 fused, 0 not;
    depthwise_convolutions: "depthwise", 3 fused, 0 not;
    a_sum_in_place_that_is_read_again: "add-in-place", 3 fused, 0 not;
    a_relu_in_place_over_what_was_convolved: "relu-in-place", 3 fused, 0 not;
    a_caller_s_input_that_is_overwritten: "input-in-place", 2 fused, 0 not;
    a_sum_of_two_convolutions: "two-convolutions", 4 fused, 0 not;
    sums_that_are_no_plain_sums: "scaled", 4 fused, 0 not;
    sums_that_broadcast: "broadcast", 4 fused, 0 not;
    a_convolution_that_is_broadcast: "gate", 2 fused, 0 not;
    weights_that_are_computed: "computed", 2 fused, 1 not;
    transposed_convolutions: "transposed", 1 fused, 1 not;
    branches_and_loops: "branch", 4 fused, 0 not;
    views_that_forbid_channels_last: "view", 2 fused, 0 not;
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
