//! What an operator makes of tensors, and whether it mixes the rows of the batch.

use rten_onnx::onnx::NodeProto;

use super::axes::{Axes, is_first};
use super::{Known, Refusal, attribute, called, inner, integer, operator};

/// What is known of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// It depends on no input's values: weights, shapes.
    Fixed,
    /// A row for each input along its first dimension, made of that input alone; with the
    /// number of dimensions, where that is known.
    Rows(Option<usize>),
    /// It depends on inputs; how they are laid out is not known.
    Other,
}

impl Flow {
    fn rank(self) -> Option<usize> {
        match self {
            Self::Rows(rank) => rank,
            Self::Fixed | Self::Other => None,
        }
    }
}

const REMEDY: &str = "export the model in evaluation mode, with a dynamic batch, and without operations over the batch";

/// What a node makes of its inputs.
pub(super) fn through(node: &NodeProto, known: &Known<'_>) -> Result<Flow, Refusal> {
    let refuse = |why: &str, remedy: &str| {
        let problem = format!(
            "{} {why}: a vote would depend on more than its own input, which no certificate allows",
            called(node)
        );
        Err(Refusal { problem, remedy: remedy.to_owned() })
    };
    let first = known.input(node, 0).unwrap_or(Flow::Fixed);
    let flows = (0..node.input.len()).filter_map(|place| known.input(node, place));
    let all: Vec<Flow> = flows.collect();
    let depends = all.iter().any(|flow| *flow != Flow::Fixed);
    let rank = first.rank();
    match operator(node) {
        "RandomNormal" | "RandomNormalLike" | "RandomUniform" | "RandomUniformLike"
        | "Multinomial" | "Bernoulli" => refuse("draws random numbers", REMEDY),
        "Dropout" if drops(node, known) => refuse("drops values at random, as in training", REMEDY),
        "BatchNormalization" if takes_statistics(node, known.opset) => {
            refuse("takes statistics of the batch, as in training", REMEDY)
        }
        "Shape" | "Size" => Ok(Flow::Fixed),
        // The graphs inside may use anything that came before.
        _ if inner(node).next().is_some() => Ok(Flow::Other),
        _ if !depends => Ok(Flow::Fixed),
        "DynamicQuantizeLinear" | "DynamicQuantizeLSTM" => refuse(
            "takes the range of its numbers over the whole batch",
            "quantise the model statically, in the QDQ format (quantize_static with quant_format=QuantFormat.QDQ), or use the float model",
        ),
        "NonZero" | "Unique" => refuse("lists values over the whole batch", REMEDY),
        "Compress" if integer(node, "axis").is_none() => {
            refuse("lists values over the whole batch", REMEDY)
        }
        name if name.starts_with("Reduce") => {
            let axes = Axes::of_reduction(node, known);
            match (axes.hold_first(rank), first) {
                (Some(true), Flow::Rows(_)) => refuse("computes over the batch", REMEDY),
                // Of all dimensions one is the batch, wherever it is.
                (_, Flow::Other) if axes == Axes::All => refuse("computes over the batch", REMEDY),
                (Some(false), Flow::Rows(_)) => {
                    let kept = integer(node, "keepdims").unwrap_or(1) == 1 || axes == Axes::None;
                    Ok(Flow::Rows(rank.filter(|_| kept)))
                }
                _ => Ok(Flow::Other),
            }
        }
        name => {
            if let (Some(axis), Flow::Rows(_)) = (over(node, known), first) {
                return match is_first(axis, rank) {
                    Some(true) => refuse("computes over the batch", REMEDY),
                    Some(false) if keeps_rank(node) => Ok(first),
                    Some(false) => Ok(Flow::Rows(None)),
                    None => Ok(Flow::Other),
                };
            }
            Ok(layout(name, node, known, first, &all))
        }
    }
}

/// The dimension that an operator computes over, if it is of this kind.
fn over(node: &NodeProto, known: &Known<'_>) -> Option<i64> {
    let axis = |by_default| integer(node, "axis").unwrap_or(by_default);
    match operator(node) {
        "Softmax" | "LogSoftmax" | "Hardmax" => Some(axis(if known.opset < 13 { 1 } else { -1 })),
        "ArgMax" | "ArgMin" => Some(axis(0)),
        "LpNormalization"
        | "TopK"
        | "LayerNormalization"
        | "RMSNormalization"
        | "SimplifiedLayerNormalization" => Some(axis(-1)),
        "CumSum" => known.integers(node, 1)?.first().copied(),
        // Inputs as the steps of a sequence: each would see those before it.
        "LSTM" | "GRU" | "RNN" => (integer(node, "layout") != Some(1)).then_some(0),
        _ => None,
    }
}

fn keeps_rank(node: &NodeProto) -> bool {
    match operator(node) {
        "ArgMax" | "ArgMin" => integer(node, "keepdims").unwrap_or(1) == 1,
        "LSTM" | "GRU" | "RNN" => false,
        _ => true,
    }
}

/// Where the rows are behind an operator that computes nothing over them.
fn layout(name: &str, node: &NodeProto, known: &Known<'_>, first: Flow, all: &[Flow]) -> Flow {
    let Flow::Rows(rank) = first else { return elementwise(name, all) };
    let others_fixed = all.iter().skip(1).all(|flow| *flow == Flow::Fixed);
    let apart = |axis: i64, rank| match is_first(axis, first.rank()) {
        Some(false) => Flow::Rows(rank),
        Some(true) | None => Flow::Other,
    };
    match name {
        "Conv"
        | "ConvInteger"
        | "ConvTranspose"
        | "MaxPool"
        | "AveragePool"
        | "LpPool"
        | "GlobalAveragePool"
        | "GlobalMaxPool"
        | "BatchNormalization"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "LRN"
        | "DepthToSpace"
        | "SpaceToDepth"
        | "Resize"
        | "Upsample"
            if others_fixed =>
        {
            first
        }
        "Flatten" => apart(integer(node, "axis").unwrap_or(1), Some(2)),
        "Gemm" if others_fixed && integer(node, "transA").unwrap_or(0) == 0 => first,
        "MatMul" | "MatMulInteger" | "MatMulNBits" if others_fixed => first,
        "MatMul" if rank >= Some(3) && all.iter().all(|flow| *flow == first) => first,
        "Reshape" => match known.integers(node, 1).as_deref() {
            Some([0, rest @ ..]) if integer(node, "allowzero") != Some(1) => {
                Flow::Rows(Some(rest.len() + 1))
            }
            _ => Flow::Other,
        },
        "Transpose" => match attribute(node, "perm").and_then(|perm| perm.ints.first()) {
            Some(0) => first,
            _ => Flow::Other,
        },
        "Squeeze" | "Unsqueeze" => match Axes::listed(node, known) {
            Some(axes) if axes.hold_first(rank) == Some(false) => Flow::Rows(None),
            _ => Flow::Other,
        },
        "Concat" => {
            let is_plain = all.iter().all(|flow| !matches!(flow, Flow::Other));
            if is_plain { apart(integer(node, "axis").unwrap_or(0), rank) } else { Flow::Other }
        }
        "Split" => apart(integer(node, "axis").unwrap_or(0), rank),
        "Gather" if others_fixed => apart(integer(node, "axis").unwrap_or(0), None),
        "Slice" if others_fixed => match known.integers(node, 3) {
            Some(axes) if Axes::These(axes.clone()).hold_first(rank) == Some(false) => first,
            _ => Flow::Other,
        },
        _ => elementwise(name, all),
    }
}

/// Operators that work on each value by itself, or on values in the same place.
fn elementwise(name: &str, all: &[Flow]) -> Flow {
    const ALONE: &[&str] = &[
        "Abs",
        "Add",
        "And",
        "BiasGelu",
        "Cast",
        "CastLike",
        "Ceil",
        "Clip",
        "Cos",
        "DequantizeLinear",
        "Div",
        "Dropout",
        "Elu",
        "Equal",
        "Erf",
        "Exp",
        "FastGelu",
        "Floor",
        "Gelu",
        "Greater",
        "GreaterOrEqual",
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "IsInf",
        "IsNaN",
        "LeakyRelu",
        "Less",
        "LessOrEqual",
        "Log",
        "Max",
        "Mean",
        "Min",
        "Mod",
        "Mul",
        "Neg",
        "Not",
        "Or",
        "PRelu",
        "Pow",
        "QuantizeLinear",
        "QuickGelu",
        "Reciprocal",
        "Relu",
        "Round",
        "Selu",
        "Sigmoid",
        "Sign",
        "Sin",
        "Softplus",
        "Softsign",
        "Sqrt",
        "Sub",
        "Sum",
        "Swish",
        "Tanh",
        "Where",
        "Xor",
    ];
    let mut rows = all.iter().filter(|flow| **flow != Flow::Fixed);
    match rows.next() {
        // Rows of another number of dimensions would be laid beside one another's.
        Some(first) if ALONE.contains(&name) && rows.all(|flow| flow == first) => *first,
        _ => Flow::Other,
    }
}

/// Whether a `Dropout` drops anything; see its versions 1, 7 and 12.
fn drops(node: &NodeProto, known: &Known<'_>) -> bool {
    if known.opset < 7 {
        return integer(node, "is_test").unwrap_or(0) == 0;
    }
    // A mode that is only known when the model runs may be training.
    known.input(node, 2).is_some() && known.integers(node, 2).as_deref() != Some(&[0])
}

/// Whether a `BatchNormalization` takes statistics of the batch; see its versions 1, 7 and 14.
fn takes_statistics(node: &NodeProto, opset: i64) -> bool {
    let outputs = node.output.iter().filter(|name| !name.is_empty()).count();
    let as_told = integer(node, "training_mode").unwrap_or(0) != 0;
    as_told || outputs > 1 || opset < 7 && integer(node, "is_test").unwrap_or(0) == 0
}
