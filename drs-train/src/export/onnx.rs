//! ONNX, with batch normalisation folded into convolutions.

use std::collections::BTreeMap;
use std::convert::Infallible;

use drs_architectures::{Layers, Sizes};
use half::f16;
use prost::Message as _;

use super::proto::{
    Attribute, FLOAT, FLOAT16, Graph, Model, Node, OperatorSet, Property, Tensor, ValueInfo,
};
use crate::network::Network;

/// PyTorch's default.
const NORM_EPSILON: f64 = 1e-5;
const OPSET: i64 = 17;
const IR: i64 = 8;

/// The bytes of a model that takes inputs of `shape` in [0, 1]. With `half`, the weights of layers are kept in 16
/// bits each, rounded to nearest; everything is computed in 32 bits all the same.
pub(super) fn encode(
    network: &Network,
    shape: [usize; 3],
    notes: &BTreeMap<String, String>,
    half: bool,
) -> Vec<u8> {
    let tensors = network.tensors().iter();
    let values = tensors.map(|(name, tensor)| (name.clone(), crate::files::values(tensor)));
    let mut writing = Writing {
        tensors: values.collect(),
        classes: network.classes(),
        half,
        graph: Graph { name: network.architecture().name().to_owned(), ..Graph::default() },
    };
    let input = "input".to_owned();
    let (mean, std) = network.normalisation();
    let channels = [1, mean.len(), 1, 1];
    writing.constant("normalise.mean", &channels, mean.iter().copied());
    writing.constant("normalise.std", &channels, std.iter().copied());
    let centred = writing.node("Sub", &[&input, "normalise.mean"], Vec::new());
    let normalised = writing.node("Div", &[&centred, "normalise.std"], Vec::new());
    let Ok(logits) = network.architecture().forward(&mut writing, &normalised);
    let mut graph = writing.graph;
    graph.input.push(ValueInfo::rows(&input, &shape));
    graph.output.push(ValueInfo::rows(&logits, &[network.classes()]));
    let property =
        |(key, value): (&String, &String)| Property { key: key.clone(), value: value.clone() };
    let model = Model {
        ir_version: IR,
        producer_name: "drs".to_owned(),
        graph: Some(graph),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
        metadata_props: notes.iter().map(property).collect(),
    };
    model.encode_to_vec()
}

/// Writes every layer as nodes; maps are the names of their values.
struct Writing {
    tensors: BTreeMap<String, Vec<f32>>,
    classes: usize,
    /// Whether weights are kept in 16 bits.
    half: bool,
    graph: Graph,
}

impl Writing {
    fn constant(&mut self, name: &str, shape: &[usize], values: impl Iterator<Item = f32>) {
        self.initializer(name, shape, FLOAT, values.flat_map(f32::to_le_bytes).collect());
    }

    /// The weights of a layer.
    fn weights(&mut self, name: &str, shape: &[usize], values: impl Iterator<Item = f32>) {
        if !self.half {
            return self.constant(name, shape, values);
        }
        let kept = format!("{name}.half");
        let halves = values.flat_map(|value| f16::from_f32(value).to_le_bytes()).collect();
        self.initializer(&kept, shape, FLOAT16, halves);
        self.graph.node.push(Node {
            input: vec![kept],
            output: vec![name.to_owned()],
            name: format!("cast.{name}"),
            op_type: "Cast".to_owned(),
            attribute: vec![Attribute::int("to", i64::from(FLOAT))],
        });
    }

    fn initializer(&mut self, name: &str, shape: &[usize], data_type: i32, raw_data: Vec<u8>) {
        let dims = shape.iter().map(|&size| i64::try_from(size).unwrap_or(i64::MAX)).collect();
        self.graph.initializer.push(Tensor { dims, data_type, name: name.to_owned(), raw_data });
    }

    fn node(&mut self, kind: &str, inputs: &[&str], attribute: Vec<Attribute>) -> String {
        let name = format!("{}{}", kind.to_lowercase(), self.graph.node.len());
        self.graph.node.push(Node {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.clone()],
            name: name.clone(),
            op_type: kind.to_owned(),
            attribute,
        });
        name
    }
}

fn square(name: &str, size: usize) -> Attribute {
    Attribute::ints(name, vec![i64::try_from(size).unwrap_or(i64::MAX); 2])
}

fn border(size: usize) -> Attribute {
    Attribute::ints("pads", vec![i64::try_from(size).unwrap_or(i64::MAX); 4])
}

impl Layers for Writing {
    type Maps = String;
    type Error = Infallible;

    #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
    fn conv_norm(
        &mut self,
        maps: &String,
        conv: &str,
        norm: &str,
        sizes: Sizes,
    ) -> Result<String, Infallible> {
        let Sizes { from, to, kernel, stride } = sizes;
        let statistic = |part: &str| &self.tensors[&format!("{norm}.{part}")];
        let variances = statistic("running_var").iter();
        let scales: Vec<f64> = statistic("weight")
            .iter()
            .zip(variances)
            .map(|(&scale, &variance)| {
                f64::from(scale) / (f64::from(variance) + NORM_EPSILON).sqrt()
            })
            .collect();
        let means = statistic("running_mean").iter().zip(&scales);
        let biases: Vec<f32> = statistic("bias")
            .iter()
            .zip(means)
            .map(|(&bias, (&mean, scale))| (f64::from(bias) - f64::from(mean) * scale) as f32)
            .collect();
        let weights = &self.tensors[&format!("{conv}.weight")];
        let scaled: Vec<f32> = weights
            .chunks_exact(from * kernel * kernel)
            .zip(&scales)
            .flat_map(|(filter, scale)| filter.iter().map(move |&w| (f64::from(w) * scale) as f32))
            .collect();
        let (weight, bias) = (format!("{conv}.weight"), format!("{conv}.bias"));
        self.weights(&weight, &[to, from, kernel, kernel], scaled.into_iter());
        self.constant(&bias, &[to], biases.into_iter());
        let attributes =
            vec![square("kernel_shape", kernel), square("strides", stride), border(kernel / 2)];
        Ok(self.node("Conv", &[maps, &weight, &bias], attributes))
    }

    fn relu(&mut self, maps: &String) -> Result<String, Infallible> {
        Ok(self.node("Relu", &[maps], Vec::new()))
    }

    fn add(&mut self, a: &String, b: &String) -> Result<String, Infallible> {
        Ok(self.node("Add", &[a, b], Vec::new()))
    }

    fn max_pool(&mut self, maps: &String) -> Result<String, Infallible> {
        let attributes = vec![square("kernel_shape", 3), square("strides", 2), border(1)];
        Ok(self.node("MaxPool", &[maps], attributes))
    }

    fn head(&mut self, maps: &String, name: &str, features: usize) -> Result<String, Infallible> {
        let mean = self.node("GlobalAveragePool", &[maps], Vec::new());
        let flat = self.node("Flatten", &[&mean], vec![Attribute::int("axis", 1)]);
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let (weights, biases) = (self.tensors[&weight].clone(), self.tensors[&bias].clone());
        self.weights(&weight, &[self.classes, features], weights.into_iter());
        self.constant(&bias, &[self.classes], biases.into_iter());
        Ok(self.node("Gemm", &[&flat, &weight, &bias], vec![Attribute::int("transB", 1)]))
    }
}
