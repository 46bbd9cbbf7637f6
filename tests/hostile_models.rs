//! Model files of a few bytes that ask for a hundred gigabytes, for endless time, or for no end
//! of nesting. They are read by the real binary, which gets 4 GiB of address space.

#![cfg(target_os = "linux")]

use std::cell::RefCell;

use drs_tests::{Place, Run, built};
use rten_onnx::onnx::{
    AttributeProto, DataLocation, DataType, Dimension, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TypeProto,
    TypeProtoTensor, ValueInfoProto,
};

/// Address space of the binary, in KiB.
const SPACE: u64 = 4 << 20;

fn node(operator: &str, from: &[&str], to: &str) -> NodeProto {
    NodeProto {
        op_type: Some(operator.to_owned()),
        name: Some(format!("/{operator}")),
        input: from.iter().map(|&name| name.to_owned()).collect(),
        output: vec![to.to_owned()],
        attribute: Vec::new(),
        domain: None,
    }
}

fn tensor(name: &str, kind: DataType, dims: &[i64], raw: Vec<u8>) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(kind),
        raw_data: Some(RefCell::new(raw)),
        ..Default::default()
    }
}

fn integers(name: &str, values: &[i64]) -> TensorProto {
    let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, DataType::INT64, &[values.len() as i64], raw)
}

fn value(name: &str, dims: &[Option<i64>]) -> ValueInfoProto {
    let dim = |size: &Option<i64>| Dimension {
        dim_value: *size,
        dim_param: size.is_none().then(|| "n".to_owned()),
    };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor = TypeProtoTensor { elem_type: Some(DataType::FLOAT), shape: Some(shape) };
    let kind = TypeProto { tensor_type: Some(tensor), ..Default::default() };
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(kind) }
}

/// A model of 2x2 pixels and two classes, whose logits are `h` + `extra`.
fn model(nodes: Vec<NodeProto>, constants: Vec<TensorProto>) -> Vec<u8> {
    let weights: Vec<u8> = [0f32; 8].iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut all = vec![node("Flatten", &["x"], "f"), node("MatMul", &["f", "w"], "h")];
    all.extend(nodes);
    all.push(node("Add", &["h", "extra"], "y"));
    let mut initializer = vec![tensor("w", DataType::FLOAT, &[4, 2], weights)];
    initializer.extend(constants);
    let graph = GraphProto {
        node: all,
        initializer,
        input: vec![value("x", &[None, Some(1), Some(2), Some(2)])],
        output: vec![value("y", &[None, Some(2)])],
        value_info: Vec::new(),
    };
    let model = ModelProto {
        ir_version: Some(8),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: None, version: Some(13) }],
        ..Default::default()
    };
    model.write_buf().unwrap()
}

/// Certifies one input with 4 GiB of address space.
fn certify(place: &Place, plugin: &str, config: &str) -> Run {
    let toml = format!(
        "[input]\nshape = [1, 2, 2]\nquantum = \"1/255\"\n[[expert]]\nname = \"e\"\nplugin = \"{plugin}\"\nconfig = {config}\n"
    );
    place.write("experts.toml", toml);
    place.write_idx("data", [2, 2], &[(vec![200, 0, 0, 0], 1)]);
    let drs = built().join("drs");
    place.shell(&format!(
        "ulimit -v {SPACE}; exec {} certify --experts experts.toml --data data --method one:e --n 100 --out o.tsv",
        drs.display()
    ))
}

fn onnx(bytes: Vec<u8>) -> Run {
    let place = Place::new();
    assert!(bytes.len() <= 1 << 20, "{}", bytes.len());
    place.write("m.onnx", bytes);
    place.write("m.data", [0; 64]);
    certify(&place, "onnx", "{ model = \"m.onnx\", sigma = 0.25, classes = [\"low\", \"high\"] }")
}

#[test]
fn an_onnx_file_that_asks_for_nothing_odd_is_certified() {
    let extra = tensor("extra", DataType::FLOAT, &[2], vec![0; 8]);
    assert!(onnx(model(Vec::new(), vec![extra])).succeeds().contains("1 input"));
}

#[test]
fn operators_that_make_much_of_little_are_given_up() {
    let sum = || node("ReduceSum", &["big"], "extra");
    // 400 GB and more, of constants and of what is computed from the inputs' sizes.
    let constant = vec![node("ConstantOfShape", &["size"], "big"), sum()];
    let expanded = vec![node("Expand", &["w", "size"], "big"), sum()];
    let tiled = vec![
        node("Shape", &["h"], "shape"),
        node("Mul", &["shape", "size"], "large"),
        node("ConstantOfShape", &["large"], "big"),
        sum(),
    ];
    let huge = 100_000_000_000;
    for (nodes, size) in
        [(constant, &[huge][..]), (expanded, &[huge / 8, 4, 2]), (tiled, &[300_000, 300_000])]
    {
        let shown = format!("{nodes:?}");
        let run = onnx(model(nodes, vec![integers("size", size)]));
        assert!(run.stderr.contains("the budget is"), "{shown}: {run}");
        run.fails(1, &["m.onnx", "MiB of memory", "--memory", "DRS_MEMORY"]);
    }
    // Twice as much again and again.
    let doubled = (0..28).map(|i| {
        let from = if i == 0 { "w".to_owned() } else { format!("d{i}") };
        let mut node = node("Concat", &[&from, &from], &format!("d{}", i + 1));
        node.attribute.push(AttributeProto {
            name: Some("axis".to_owned()),
            i: Some(0),
            ..Default::default()
        });
        node
    });
    let nodes = doubled.chain([node("ReduceSum", &["d28"], "extra")]).collect();
    onnx(model(nodes, Vec::new())).fails(1, &["m.onnx", "MiB of memory", "--memory"]);
}

#[test]
fn sizes_that_an_onnx_file_makes_up_are_refused() {
    let entry = |key: &str, value: &str| StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    };
    let elsewhere = TensorProto {
        data_location: Some(DataLocation::EXTERNAL),
        external_data: vec![
            entry("location", "m.data"),
            entry("offset", "0"),
            entry("length", &(1u64 << 61).to_string()),
        ],
        raw_data: None,
        ..tensor("extra", DataType::FLOAT, &[2], Vec::new())
    };
    onnx(model(Vec::new(), vec![elsewhere])).fails(1, &["\"extra\"", "m.data", "has 64 bytes"]);
    let lying = tensor("extra", DataType::FLOAT, &[1 << 61, 8], vec![0; 8]);
    onnx(model(Vec::new(), vec![lying])).fails(1, &["\"extra\"", "more than any memory"]);
    // A text of 2^55 bytes, which a decoder would make room for.
    let mut bytes = model(Vec::new(), Vec::new());
    bytes.extend([0x12, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40]);
    onnx(bytes).fails(1, &["m.onnx", "no ONNX file, or a damaged one", "announced at byte"]);
}

#[test]
fn graphs_within_graphs_without_end_are_refused() {
    let mut graph = GraphProto::default();
    for _ in 0..200 {
        let mut branch = node("If", &["c"], "o");
        branch.attribute.push(AttributeProto {
            name: Some("then_branch".to_owned()),
            g: Some(graph),
            ..Default::default()
        });
        graph = GraphProto { node: vec![branch], ..Default::default() };
    }
    let model = ModelProto { graph: Some(graph), ..Default::default() };
    onnx(model.write_buf().unwrap()).fails(1, &["m.onnx", "32 deep"]);
}

#[test]
fn long_chains_of_nodes_are_followed_or_refused() {
    let chain = |length: usize| {
        let nodes = (0..length).map(|i| {
            let from = if i == 0 { "h".to_owned() } else { format!("{i}") };
            NodeProto { name: None, ..node("Neg", &[&from], &format!("{}", i + 1)) }
        });
        let last = node("Neg", &[&length.to_string()], "extra");
        model(nodes.chain([last]).collect(), Vec::new())
    };
    assert!(onnx(chain(30_000)).succeeds().contains("1 input"));
}
