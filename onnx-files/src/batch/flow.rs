//! What an operator makes of tensors, and whether it mixes the rows of the batch.

use rten_onnx::onnx::NodeProto;

use super::Known;
use super::axes::{Axes, is_first};
use crate::Refusal;
use crate::walk::{attribute, called, integer, operator};

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

pub(super) const REMEDY: &str = "export the model in evaluation mode, with a dynamic batch, and without operations over the batch";

/// The refusal of a node that mixes the batch.
pub(super) fn refusal(node: &NodeProto, why: &str, remedy: &str) -> Refusal {
    let problem = format!(
        "{} {why}: a vote would depend on more than its own input, which no certificate allows",
        called(node)
    );
    Refusal { problem, remedy: remedy.to_owned() }
}

/// What a node makes of its inputs.
pub(super) fn through(node: &NodeProto, known: &Known<'_>) -> Result<Flow, Refusal> {
    let refuse = |why: &str, remedy: &str| Err(refusal(node, why, remedy));
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
        _ if !depends => Ok(Flow::Fixed),
        "DynamicQuantizeLinear" | "DynamicQuantizeLSTM" | "DynamicQuantizeMatMul" => refuse(
            "takes the range of its numbers over the whole batch",
            "quantise the model statically, in the QDQ format (quantize_static with quant_format=QuantFormat.QDQ), or use the float model",
        ),
        "Unique" => refuse("lists values over the whole batch", REMEDY),
        "Einsum" => match einsum(node, &all) {
            Some(false) => refuse("sums over the batch", REMEDY),
            Some(true) => Ok(Flow::Rows(None)),
            None => Ok(Flow::Other),
        },
        name if name.starts_with("Reduce") => {
            let axes = Axes::of_reduction(node, known);
            match (axes.hold_first(rank), first) {
                (Some(true), Flow::Rows(_)) => refuse("computes over the batch", REMEDY),
                // Of all dimensions one is the batch, wherever it is.
                (_, Flow::Other) if axes == Axes::All => refuse("computes over the batch", REMEDY),
                (Some(false), Flow::Rows(_)) => {
                    let kept = integer(node, "keepdims").unwrap_or(1) == 1;
                    let gone = if kept { Some(0) } else { axes.count() };
                    Ok(Flow::Rows(rank.zip(gone).and_then(|(rank, gone)| rank.checked_sub(gone))))
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

/// Whether the rows of the only input that has any are those of the output, by the letters of the
/// equation; `None` where they cannot tell.
fn einsum(node: &NodeProto, inputs: &[Flow]) -> Option<bool> {
    let equation = attribute(node, "equation")?.s.as_deref()?.replace(' ', "");
    let (terms, output) = equation.split_once("->")?;
    let mut with_rows = terms.split(',').zip(inputs).filter(|(_, flow)| **flow != Flow::Fixed);
    let ((term, Flow::Rows(_)), None) = (with_rows.next()?, with_rows.next()) else { return None };
    let row = term.chars().next().filter(char::is_ascii_alphabetic)?;
    if !output.contains(row) {
        return Some(false);
    }
    output.starts_with(row).then_some(true)
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
    let Flow::Rows(rank) = first else { return elementwise(name, node, known, all) };
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
        // One of more dimensions would stand before the rows; of one, the rows are summed over.
        "MatMul" | "MatMulInteger"
            if others_fixed && rank >= Some(2) && fixed_rank(node, known, 1) <= rank =>
        {
            first
        }
        "MatMulNBits" if others_fixed && rank >= Some(2) => first,
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
        "Squeeze" | "Unsqueeze" => {
            let Some(axes) = Axes::listed(node, known) else { return Flow::Other };
            let Some(count) = axes.count() else { return Flow::Other };
            let added = name == "Unsqueeze";
            let made = match added {
                true => rank.map(|rank| rank + count),
                false => rank.and_then(|rank| rank.checked_sub(count)),
            };
            // Axes are counted with those that are added, or are to go.
            match axes.hold_first(if added { made } else { rank }) {
                Some(false) => Flow::Rows(made),
                Some(true) | None => Flow::Other,
            }
        }
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
        _ => elementwise(name, node, known, all),
    }
}

/// The number of dimensions of an input that is in the file; many where it is not known.
fn fixed_rank(node: &NodeProto, known: &Known<'_>, place: usize) -> Option<usize> {
    let name = node.input.get(place)?;
    Some(known.rank(name).unwrap_or(usize::MAX))
}

/// Operators that work on each value by itself, or on values in the same place.
fn elementwise(name: &str, node: &NodeProto, known: &Known<'_>, all: &[Flow]) -> Flow {
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
    let Some(&first) = rows.next().filter(|_| ALONE.contains(&name)) else { return Flow::Other };
    let mut others = rows.peekable();
    // Rows of another number of dimensions would be laid beside one another's.
    let is_plain = others.peek().is_none() || first.rank().is_some();
    // Rows have one dimension at least. A weight of more stands before them.
    let most = first.rank().unwrap_or(1);
    let below = |place: usize| {
        known.input(node, place) != Some(Flow::Fixed)
            || fixed_rank(node, known, place) <= Some(most)
    };
    let is_first = (0..node.input.len()).all(below);
    if is_plain && is_first && others.all(|flow| *flow == first) { first } else { Flow::Other }
}

/// Whether a `Dropout` drops anything; see its versions 1, 7 and 12.
fn drops(node: &NodeProto, known: &Known<'_>) -> bool {
    if known.opset < 7 {
        return integer(node, "is_test").unwrap_or(0) == 0;
    }
    // What a mode that is computed does shows when the model runs.
    known.integers(node, 2).is_some_and(|mode| mode.iter().any(|value| *value != 0))
}

/// Whether a `BatchNormalization` takes statistics of the batch; see its versions 1, 7 and 14.
fn takes_statistics(node: &NodeProto, opset: i64) -> bool {
    let outputs = node.output.iter().filter(|name| !name.is_empty()).count();
    let as_told = integer(node, "training_mode").unwrap_or(0) != 0;
    as_told || outputs > 1 || opset < 7 && integer(node, "is_test").unwrap_or(0) == 0
}
