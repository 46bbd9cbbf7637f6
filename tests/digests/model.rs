//! A small ONNX model whose weights lie beside it, as exporters write them.

use std::collections::BTreeMap;

use drs_tests::Place;
use rten_onnx::onnx::{
    DataLocation, DataType, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TypeProto, TypeProtoTensor,
    ValueInfoProto,
};

/// Where its weights lie.
pub(crate) const DATA: &str = "models/m.onnx.data";
/// Words in the graph that mean nothing to a model.
pub(crate) const PRODUCER: &str = "tests of digests";

/// A linear model of images of 2x2 pixels: two scores.
pub(crate) struct Model {
    weights: [f32; 8],
    bias: [f32; 2],
}

impl Model {
    /// Whether the first pixel is bright.
    pub(crate) fn bright() -> Self {
        Self { weights: [-8.0, 8.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], bias: [4.0, -4.0] }
    }

    /// Class 1, whatever the image.
    pub(crate) fn constant() -> Self {
        Self { weights: [0.0; 8], bias: [0.0, 9.0] }
    }

    /// What is in the file beside the graph.
    pub(crate) fn data(&self) -> Vec<u8> {
        self.weights.iter().chain(&self.bias).flat_map(|value| value.to_le_bytes()).collect()
    }

    /// Writes `path`, and `path.data` beside it.
    pub(crate) fn write(&self, place: &Place, path: &str) {
        let location = format!("{}.data", path.rsplit('/').next().unwrap());
        place.write(path, graph(&location));
        place.write(&format!("{path}.data"), self.data());
    }
}

fn graph(location: &str) -> Vec<u8> {
    let graph = GraphProto {
        node: vec![node("Flatten", &["x"], "h"), node("Gemm", &["h", "w", "b"], "y")],
        initializer: vec![tensor("w", &[4, 2], location, 0), tensor("b", &[2], location, 32)],
        input: vec![value("x", &[None, Some(1), Some(2), Some(2)])],
        output: vec![value("y", &[None, Some(2)])],
        value_info: Vec::new(),
    };
    let model = ModelProto {
        ir_version: Some(8),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: None, version: Some(17) }],
        metadata_props: entries([("drs.sigma", "0.25"), ("drs.classes", "dark,bright")]),
        producer_name: Some(PRODUCER.to_owned()),
        producer_version: None,
    };
    model.write_buf().unwrap()
}

fn node(operator: &str, from: &[&str], to: &str) -> NodeProto {
    NodeProto {
        op_type: Some(operator.to_owned()),
        name: Some(operator.to_lowercase()),
        input: from.iter().map(|&name| name.to_owned()).collect(),
        output: vec![to.to_owned()],
        ..Default::default()
    }
}

fn tensor(name: &str, dims: &[i64], location: &str, offset: usize) -> TensorProto {
    let length = 4 * dims.iter().product::<i64>();
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(DataType::FLOAT),
        data_location: Some(DataLocation::EXTERNAL),
        external_data: entries([
            ("location", location),
            ("offset", &offset.to_string()),
            ("length", &length.to_string()),
        ]),
        ..Default::default()
    }
}

fn value(name: &str, dims: &[Option<i64>]) -> ValueInfoProto {
    let dim = |size: &Option<i64>| match size {
        Some(_) => Dimension { dim_value: *size, dim_param: None },
        None => Dimension { dim_value: None, dim_param: Some("n".to_owned()) },
    };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor = TypeProtoTensor { elem_type: Some(DataType::FLOAT), shape: Some(shape) };
    let kind = TypeProto { tensor_type: Some(tensor), ..Default::default() };
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(kind) }
}

fn entries<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<StringStringEntryProto> {
    let pairs: BTreeMap<_, _> = pairs.into_iter().collect();
    let entry = |(key, value): (&str, &str)| StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    };
    pairs.into_iter().map(entry).collect()
}
