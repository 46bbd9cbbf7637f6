//! Graphs made node by node.
//!
//! Long, since it is a list: each case is a graph of a few nodes and what is said of it.

use std::cell::RefCell;

use rten_onnx::onnx::{
    AttributeProto, DataLocation, DataType, Dimension, GraphProto, NodeProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TypeProto, TypeProtoTensor,
    ValueInfoProto,
};

use super::*;

/// A node from inputs to outputs, names separated by blanks.
fn node(operator: &str, from: &str, to: &str, attributes: Vec<AttributeProto>) -> NodeProto {
    let names =
        |text: &str| text.split(' ').map(|name| name.trim_matches('_').to_owned()).collect();
    NodeProto {
        op_type: Some(operator.to_owned()),
        name: Some(format!("/{operator}")),
        input: if from.is_empty() { Vec::new() } else { names(from) },
        output: names(to),
        attribute: attributes,
        domain: None,
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), i: Some(value), ..Default::default() }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), ints: values.to_vec(), ..Default::default() }
}

fn body(name: &str, nodes: Vec<NodeProto>) -> AttributeProto {
    let graph = GraphProto { node: nodes, ..Default::default() };
    AttributeProto { name: Some(name.to_owned()), g: Some(graph), ..Default::default() }
}

fn text(name: &str, value: &str) -> AttributeProto {
    let (name, s) = (Some(name.to_owned()), Some(value.to_owned()));
    AttributeProto { name, s, ..Default::default() }
}

fn integers(name: &str, values: &[i64]) -> TensorProto {
    let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    TensorProto {
        name: Some(name.to_owned()),
        dims: vec![values.len() as i64],
        data_type: Some(DataType::INT64),
        raw_data: Some(RefCell::new(raw)),
        ..Default::default()
    }
}

fn weights(name: &str, dims: &[i64]) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(DataType::FLOAT),
        ..Default::default()
    }
}

fn external(name: &str, location: &str) -> TensorProto {
    let entry = |key: &str, value: &str| StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    };
    TensorProto {
        external_data: vec![entry("location", location), entry("offset", "0")],
        data_location: Some(DataLocation::EXTERNAL),
        ..weights(name, &[2])
    }
}

fn value(name: &str, rank: Option<usize>) -> ValueInfoProto {
    let dim = || Dimension { dim_param: Some("n".to_owned()), ..Default::default() };
    let shape = rank.map(|rank| TensorShapeProto { dim: (0..rank).map(|_| dim()).collect() });
    let tensor = TypeProtoTensor { elem_type: Some(DataType::FLOAT), shape };
    let kind = TypeProto { tensor_type: Some(tensor), ..Default::default() };
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(kind) }
}

/// From `x`, images, to `y`.
fn file(opset: i64, nodes: Vec<NodeProto>, initializer: Vec<TensorProto>) -> OnnxFile {
    let graph = GraphProto {
        node: nodes,
        initializer,
        input: vec![value("x", Some(4))],
        output: vec![value("y", Some(2))],
        value_info: Vec::new(),
    };
    OnnxFile { graph, opset, metadata: Vec::new() }
}

fn check(file: &OnnxFile, path: &Path) -> Result<(), Error> {
    file.check_sizes(path).and_then(|()| file.check_rows(path))
}

fn said(file: &OnnxFile) -> Option<String> {
    check(file, Path::new("m.onnx")).err().map(|error| error.to_string())
}

#[test]
fn weights_in_other_files_are_listed_wherever_they_are() {
    let inside = GraphProto {
        initializer: vec![external("inner", "b.onnx_data")],
        node: vec![node(
            "Constant",
            "",
            "c",
            vec![AttributeProto {
                name: Some("value".to_owned()),
                t: Some(external("constant", "c.data")),
                ..Default::default()
            }],
        )],
        ..Default::default()
    };
    let branch = AttributeProto {
        name: Some("then_branch".to_owned()),
        g: Some(inside),
        ..Default::default()
    };
    let nodes = vec![node("If", "x", "y", vec![branch])];
    let model = file(17, nodes, vec![external("w", "a.data"), external("v", "a.data")]);
    let found = model.data_files(Path::new("models/m.onnx")).unwrap();
    let expected = ["models/a.data", "models/b.onnx_data", "models/c.data"];
    assert_eq!(found, expected.map(PathBuf::from));
    // Data that is in the file itself, whatever its other fields say.
    let inline = TensorProto { data_location: None, ..external("w", "a.data") };
    let inline = file(17, Vec::new(), vec![inline]);
    assert!(inline.data_files(Path::new("m.onnx")).unwrap().is_empty());
}

#[test]
fn weights_elsewhere_are_refused_by_name() {
    for (location, words) in [
        ("/etc/passwd", "expected a file beside the model"),
        ("../other.data", "expected a file beside the model"),
        ("a/../../b.data", "expected a file beside the model"),
        ("sub/w.data", "expected a file beside the model"),
        ("..", "expected a file beside the model"),
        ("", "expected a file beside the model"),
        ("weights.bin", "ends in .data or .onnx_data"),
    ] {
        let file = file(17, Vec::new(), vec![external("w", location)]);
        let error = file.data_files(Path::new("m.onnx")).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(location), "{location}: {error}");
        assert!(error.contains("tensor \"w\"") && error.contains("onnx.save_model"), "{error}");
    }
}

#[test]
fn what_mixes_the_batch_is_refused_by_name() {
    let axes = |values: &[i64]| integers("axes", values);
    let one = |operator: &str, attributes| vec![node(operator, "x", "y", attributes)];
    let with_axes = |operator: &str| vec![node(operator, "x axes", "y", vec![])];
    let cases: Vec<(&str, i64, Vec<NodeProto>, Vec<TensorProto>)> = vec![
        ("range", 11, one("DynamicQuantizeLinear", vec![]), vec![]),
        ("range", 17, vec![node("DynamicQuantizeMatMul", "x w s", "y", vec![])], vec![]),
        ("sums over the batch", 17, one("Einsum", vec![text("equation", "bchw -> chw")]), vec![]),
        // The axis 0, left out as some writers do.
        (
            "over the batch",
            13,
            one("Softmax", vec![AttributeProto { i: None, ..int("axis", 0) }]),
            vec![],
        ),
        (
            "from row to row",
            17,
            vec![node(
                "Scan",
                "w x",
                "s y",
                vec![int("num_scan_inputs", 1), body("add", vec![node("Add", "a b", "c", vec![])])],
            )],
            vec![weights("w", &[2])],
        ),
        ("over the batch", 17, one("ReduceMean", vec![ints("axes", &[0])]), vec![]),
        ("over the batch", 17, one("ReduceMax", vec![ints("axes", &[1, -4])]), vec![]),
        ("over the batch", 17, one("ReduceL2", vec![]), vec![]),
        ("over the batch", 18, with_axes("ReduceMin"), vec![axes(&[0, 2])]),
        ("over the batch", 18, with_axes("ReduceSum"), vec![axes(&[])]),
        ("over the batch", 13, one("Softmax", vec![int("axis", 0)]), vec![]),
        ("over the batch", 11, one("LogSoftmax", vec![int("axis", 0)]), vec![]),
        ("over the batch", 13, one("ArgMax", vec![]), vec![]),
        ("over the batch", 17, one("LayerNormalization", vec![int("axis", -4)]), vec![]),
        ("over the batch", 14, vec![node("CumSum", "x axes", "y", vec![])], vec![axes(&[0])]),
        ("over the batch", 14, one("LSTM", vec![]), vec![]),
        (
            "statistics",
            15,
            vec![node("BatchNormalization", "x a b c d", "y", vec![int("training_mode", 1)])],
            vec![],
        ),
        ("statistics", 9, vec![node("BatchNormalization", "x a b c d", "y m v", vec![])], vec![]),
        (
            "statistics",
            6,
            vec![node("BatchNormalization", "x a b c d", "y", vec![int("is_test", 0)])],
            vec![],
        ),
        ("at random", 13, vec![node("Dropout", "x r t", "y", vec![])], vec![integers("t", &[1])]),
        (
            "random numbers",
            13,
            vec![node("RandomNormalLike", "x", "r", vec![]), node("Add", "x r", "y", vec![])],
            vec![],
        ),
        (
            "random numbers",
            13,
            vec![node("RandomUniform", "", "r", vec![]), node("Add", "x r", "y", vec![])],
            vec![],
        ),
        ("lists values", 13, one("Unique", vec![]), vec![]),
        // Counted with the dimensions that are added.
        (
            "over the batch",
            13,
            vec![
                node("Unsqueeze", "x axes", "u", vec![]),
                node("ReduceMax", "u", "y", vec![ints("axes", &[-5])]),
            ],
            vec![axes(&[-2])],
        ),
        (
            "at random",
            13,
            vec![node("Identity", "t", "u", vec![]), node("Dropout", "x r u", "y", vec![])],
            vec![integers("t", &[1])],
        ),
        // Behind others, in which rows stay rows.
        (
            "over the batch",
            17,
            vec![
                node("Conv", "x w", "c", vec![]),
                node("Relu", "c", "d", vec![]),
                node("GlobalAveragePool", "d", "e", vec![]),
                node("Flatten", "e", "f", vec![]),
                node("Gemm", "f v", "g", vec![]),
                node("ReduceMean", "g", "h", vec![ints("axes", &[-2])]),
                node("Sub", "g h", "y", vec![]),
            ],
            vec![weights("w", &[8, 1, 3, 3]), weights("v", &[8, 4])],
        ),
        // Where the layout is lost, over all of it.
        (
            "over the batch",
            17,
            vec![
                node("Transpose", "x", "t", vec![ints("perm", &[1, 0, 2, 3])]),
                node("ReduceMax", "t", "m", vec![]),
                node("Div", "x m", "y", vec![]),
            ],
            vec![],
        ),
    ];
    for (why, opset, nodes, constants) in cases {
        let shown = format!("{nodes:?}");
        let error = said(&file(opset, nodes, constants)).unwrap_or_else(|| panic!("{shown}"));
        assert!(error.contains(why) && error.contains("node \"/"), "{shown}: {error}");
        assert!(error.starts_with("m.onnx: ") && error.contains("certificate"), "{error}");
    }
}

#[test]
fn what_mixes_inside_a_branch_is_refused_too() {
    let inside = GraphProto {
        node: vec![node("DynamicQuantizeLinear", "x", "q s z", vec![])],
        output: vec![value("q", None)],
        ..Default::default()
    };
    let branch = AttributeProto {
        name: Some("then_branch".to_owned()),
        g: Some(inside),
        ..Default::default()
    };
    let nodes = vec![node("If", "c", "y", vec![branch])];
    let error = said(&file(17, nodes, vec![weights("c", &[])])).unwrap();
    assert!(error.contains("DynamicQuantizeLinear"), "{error}");
}

#[test]
fn what_keeps_rows_apart_is_fine() {
    let nodes = vec![
        node("BatchNormalization", "x a b c d", "n", vec![]),
        node("Dropout", "n r t", "o", vec![]),
        node("ReduceMean", "o", "p", vec![ints("axes", &[-1, -2]), int("keepdims", 0)]),
        node("Softmax", "p", "q", vec![int("axis", -1)]),
        node("Einsum", "p w", "e", vec![text("equation", "bi,ij->bj")]),
        node("InstanceNormalization", "x s s", "i", vec![]),
        node("ReduceSum", "i axes", "j", vec![]),
        // Weights may be treated in any way.
        node("DynamicQuantizeLinear", "v", "vq vs vz", vec![]),
        node("ReduceMax", "v", "vm", vec![]),
        node("Shape", "x", "size", vec![]),
        node("ReduceProd", "size", "many", vec![]),
        node("Add", "q j", "k", vec![]),
        node("Add", "k e", "y", vec![]),
        // What no output needs is never run.
        node("NonZero", "x", "unused", vec![]),
    ];
    let constants = vec![
        weights("v", &[8, 4]),
        integers("t", &[0]),
        weights("r", &[]),
        integers("axes", &[2, 3]),
        weights("s", &[1]),
    ];
    assert_eq!(said(&file(13, nodes, constants)), None);
    // Layouts that are not known are left to the check with real batches.
    let doubtful = vec![
        node("Reshape", "x shape", "r", vec![]),
        node("ReduceMean", "r", "y", vec![ints("axes", &[0])]),
    ];
    assert_eq!(said(&file(13, doubtful, vec![integers("shape", &[-1, 512])])), None);
}

#[test]
fn doubtful_layouts_are_left_to_the_check_with_real_batches() {
    let over = |axis: i64, from: &str| node("ReduceMean", from, "y", vec![ints("axes", &[axis])]);
    let of_shape = |name: &str, node: NodeProto| AttributeProto {
        name: Some(name.to_owned()),
        g: Some(GraphProto {
            output: vec![value(&node.output[0], None)],
            node: vec![node],
            ..Default::default()
        }),
        ..Default::default()
    };
    let cases: Vec<(&str, Vec<NodeProto>, Vec<TensorProto>)> = vec![
        // A weight of more dimensions stands before the rows: axis 0 is its own.
        (
            "several heads at once",
            vec![
                node("Flatten", "x", "f", vec![]),
                node("MatMul", "f w", "m", vec![]),
                over(0, "m"),
            ],
            vec![weights("w", &[5, 784, 10])],
        ),
        (
            "several scales at once",
            vec![node("Flatten", "x", "f", vec![]), node("Mul", "w f", "m", vec![]), over(0, "m")],
            vec![weights("w", &[5, 1, 784])],
        ),
        (
            "the middle of three",
            vec![
                node("Flatten", "x", "f", vec![]),
                node("Unsqueeze", "f axes", "u", vec![]),
                over(-2, "u"),
            ],
            vec![integers("axes", &[-1])],
        ),
        (
            "a mode that is a constant, by another name",
            vec![node("Identity", "t", "u", vec![]), node("Dropout", "x r u", "y", vec![])],
            vec![integers("t", &[0]), weights("r", &[])],
        ),
        (
            "a mask of its own row",
            vec![node("NonZero", "x", "n", vec![]), node("GatherND", "x n", "y", vec![])],
            vec![],
        ),
        (
            "a branch by shape",
            vec![
                node("Shape", "x", "s", vec![]),
                node(
                    "If",
                    "s",
                    "t",
                    vec![
                        of_shape("then_branch", node("Identity", "s", "a", vec![])),
                        of_shape("else_branch", node("Neg", "s", "b", vec![])),
                    ],
                ),
                node("ReduceProd", "t", "p", vec![]),
                node("Reshape", "x p", "y", vec![]),
            ],
            vec![],
        ),
    ];
    for (what, nodes, constants) in cases {
        assert_eq!(said(&file(13, nodes, constants)), None, "{what}");
    }
    // Through a branch whose condition is a shape, rows stay rows.
    let branches = |operator: &str| {
        vec![
            of_shape("then_branch", node("Relu", "x", "a", vec![])),
            of_shape("else_branch", node(operator, "x", "b", vec![])),
        ]
    };
    let mixed =
        vec![node("Size", "x", "s", vec![]), node("If", "s", "t", branches("Neg")), over(0, "t")];
    assert!(said(&file(13, mixed, vec![])).unwrap().contains("over the batch"));
    let apart = vec![
        node("Size", "x", "s", vec![]),
        node("If", "s", "t", branches("Transpose")),
        over(0, "t"),
    ];
    assert_eq!(said(&file(13, apart, vec![])), None);
}

#[test]
fn sizes_that_lie_are_refused_before_anything_is_loaded() {
    let folder = std::env::temp_dir().join(format!("drs-onnx-sizes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("w.data"), [0; 64]).unwrap();
    let outside = |offset: &str, length: &str| {
        let mut tensor = external("w", "w.data");
        for (key, value) in [("offset", offset), ("length", length)] {
            tensor.external_data.push(StringStringEntryProto {
                key: Some(key.to_owned()),
                value: Some(value.to_owned()),
            });
        }
        tensor
    };
    let inline = |dims: &[i64]| TensorProto {
        raw_data: Some(RefCell::new(vec![0; 32])),
        ..weights("w", dims)
    };
    let cases = [
        (outside("0", "64"), None),
        (outside("56", "8"), None),
        (outside("0", "4611686018427387904"), Some("which has 64 bytes")),
        (outside("18446744073709551615", "8"), Some("which has 64 bytes")),
        (outside("60", "8"), Some("from byte 60 on, which has 64 bytes")),
        (external("w", "absent.data"), None),
        (inline(&[8]), None),
        (inline(&[1 << 40, 2]), Some("are 8796093022208 bytes; 32 are")),
        (inline(&[1 << 62, 4]), Some("more than any memory")),
        (inline(&[i64::MAX, i64::MAX, i64::MAX]), Some("more than any memory")),
        (inline(&[-4, -2]), Some("expected none below 0")),
    ];
    for (tensor, words) in cases {
        let shown = format!("{tensor:?}");
        let file = file(13, vec![node("Identity", "x", "y", vec![])], vec![tensor]);
        let error = check(&file, &folder.join("m.onnx")).err().map(|error| error.to_string());
        match (error, words) {
            (None, None) => {}
            (Some(error), Some(words)) if error.contains(words) && error.contains("\"w\"") => {}
            (error, _) => panic!("{shown}: {error:?}"),
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}
