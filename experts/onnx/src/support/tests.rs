use drs_onnx_files::OnnxFile;
use rten_onnx::onnx::TensorProto;

use super::*;

/// A node from inputs to outputs, names separated by blanks.
fn node(operator: &str, from: &str, to: &str) -> NodeProto {
    let names = |text: &str| text.split(' ').map(str::to_owned).collect();
    NodeProto {
        op_type: Some(operator.to_owned()),
        name: Some(format!("/{operator}")),
        input: names(from),
        output: names(to),
        ..Default::default()
    }
}

fn weights(dims: &[i64]) -> TensorProto {
    TensorProto { name: Some("w".to_owned()), dims: dims.to_vec(), ..Default::default() }
}

fn said(node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> Option<String> {
    let graph = GraphProto { node, initializer, ..Default::default() };
    check(&graph, Path::new("m.onnx")).err().map(|error| error.to_string())
}

#[test]
fn integer_convolutions_of_more_than_one_pixel_are_refused() {
    let nodes = || vec![node("ConvInteger", "x w", "y")];
    let of = |size: i64| said(nodes(), vec![weights(&[8, 1, size, size])]);
    assert_eq!(of(1), None);
    let error = of(3).unwrap();
    for words in ["node \"/ConvInteger\"", "1x1", "QDQ"] {
        assert!(error.contains(words), "{error}");
    }
    assert!(said(nodes(), vec![]).is_some(), "a kernel that is computed");
}

#[test]
fn all_operators_that_are_missing_are_named() {
    let nodes = ["QLinearConv", "Relu", "QLinearMatMul", "Conv", "QLinearConv"];
    let nodes = nodes.map(|name| node(name, "x", "y")).to_vec();
    let graph = GraphProto { node: nodes, ..Default::default() };
    let opset = OperatorSetIdProto { domain: None, version: Some(13) };
    let model = ModelProto {
        ir_version: Some(8),
        graph: Some(graph),
        opset_import: vec![opset],
        ..Default::default()
    };
    let folder = std::env::temp_dir().join(format!("drs-onnx-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("m.onnx");
    std::fs::write(&path, model.write_buf().unwrap()).unwrap();
    let operators = OnnxFile::read(&path, u64::MAX).unwrap().unwrap().operators();
    let said = rten::Model::load_file(&path).map(|_| ()).unwrap_err().to_string();
    let error = explain(&path, &operators, &said).to_string();
    assert!(error.contains("not supported: QLinearConv, QLinearMatMul (use plugin"), "{error}");
    assert!(error.contains("QDQ"), "{error}");
    // Anything else is told as rten tells it.
    assert!(explain(&path, &operators, "too short").to_string().contains("too short"));
    std::fs::remove_dir_all(folder).unwrap();
}
