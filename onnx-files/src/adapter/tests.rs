//! What of a signature and a configuration fits together, and how values are brought in order.

use std::path::Path;

use drs_plugins_api::Batch;
use serde_json::{Value, json};

use super::*;
use crate::signature::Port;

const SHAPE: [usize; 3] = [3, 2, 4];

fn port(name: &str, dims: &[i64]) -> Port {
    let dim = |&size: &i64| match usize::try_from(size) {
        Ok(size) => Dim::Fixed(size),
        Err(_) => Dim::Free("n".to_owned()),
    };
    let dims = Some(dims.iter().map(dim).collect());
    Port { name: name.to_owned(), element: Element::F32, dims }
}

fn adapter(input: &[i64], output: &[i64], mut config: Value) -> Result<Adapter, String> {
    for (key, value) in [("model", json!("m")), ("sigma", json!(1)), ("classes", json!(2))] {
        config.as_object_mut().unwrap().entry(key).or_insert(value);
    }
    let signature = Signature {
        inputs: vec![port("image", input)],
        outputs: vec![port("logits", output)],
        ..Signature::default()
    };
    let config = serde_json::from_value(config).unwrap();
    let made = Adapter::new(Path::new("m.onnx"), &signature, &config, SHAPE, 1 << 20);
    made.map_err(|error| error.to_string())
}

#[test]
fn the_order_of_dimensions_is_the_one_that_fits() {
    let dims = |input: &[i64], config| adapter(input, &[-1, 2], config).map(|a| a.dims(5));
    assert_eq!(dims(&[-1, 3, 2, 4], json!({})), Ok(vec![5, 3, 2, 4]));
    assert_eq!(dims(&[-1, 2, 4, 3], json!({})), Ok(vec![5, 2, 4, 3]));
    assert_eq!(dims(&[-1, -1, -1, -1], json!({})), Ok(vec![5, 3, 2, 4]), "as usual");
    assert_eq!(dims(&[-1, -1, -1, -1], json!({ "layout": "nhwc" })), Ok(vec![5, 2, 4, 3]));
    assert_eq!(dims(&[-1, -1, -1, 3], json!({})), Ok(vec![5, 2, 4, 3]), "no width is 3");
    assert_eq!(dims(&[-1, 24], json!({})), Ok(vec![5, 24]));
    // Neither fits: the host compares its shape with the model's own.
    assert_eq!(dims(&[-1, 3, 8, 8], json!({})), Ok(vec![5, 3, 8, 8]));
    assert_eq!(dims(&[-1, -1], json!({})), Ok(vec![5, 24]), "of any length");
    for wrong in [&[-1, 23][..], &[-1], &[], &[-1, 1, 3, 2, 4]] {
        let error = dims(wrong, json!({})).unwrap_err();
        assert!(error.contains("expected [batch, 3, 2, 4] or [batch, 24]"), "{error}");
    }
    let error = dims(&[0, 3, 2, 4], json!({})).unwrap_err();
    assert!(error.contains("a batch of no inputs"), "{error}");
    for large in [[-1, 3, 1 << 20, 1 << 40], [1 << 30, 3, 2, 4], [i64::MAX, 3, 2, 4]] {
        let error = dims(&large, json!({})).unwrap_err();
        assert!(error.contains("budget of memory"), "{error}");
    }
}

#[test]
fn channels_last_are_brought_last() {
    let adapter = adapter(&[-1, 2, 4, 3], &[-1, 2], json!({})).unwrap();
    let lattice: Vec<i16> = (0..48).collect();
    let batch = Batch::new(&lattice, 2, SHAPE, 1).unwrap();
    let mut seen = Vec::new();
    let run = |rows, floats: Vec<f32>| {
        seen.clone_from(&floats);
        Ok(Ok((vec![rows, 2], vec![0.0; rows * 2])))
    };
    adapter.scores(&batch, 1, run).unwrap();
    // The first pixel of the first input, its second pixel, the last pixel of the second input.
    assert_eq!((&seen[..3], &seen[3..6]), (&[0.0, 8.0, 16.0][..], &[1.0, 9.0, 17.0][..]));
    assert_eq!(seen[45..], [31.0, 39.0, 47.0]);
}

#[test]
fn a_fixed_batch_is_filled_and_what_fills_it_does_not_vote() {
    for (fixed, runs) in [(1, 5), (2, 3), (4, 2), (8, 1)] {
        let adapter = adapter(&[fixed, 3, 2, 4], &[fixed, 2], json!({})).unwrap();
        let lattice: Vec<i16> = (0..7).flat_map(|row| [row; 24]).collect();
        // Five of seven count.
        let batch = Batch::new(&lattice, 5, SHAPE, 1).unwrap();
        let mut count = 0;
        let run = |rows: usize, floats: Vec<f32>| {
            assert_eq!((rows as i64, floats.len()), (fixed, rows * 24));
            count += 1;
            let scores = floats.chunks(24).flat_map(|input| [2.5, input[0]]);
            Ok(Ok((vec![rows, 2], scores.collect())))
        };
        let mut votes = [9; 5];
        adapter.vote(&batch, &mut votes, 2, run).unwrap();
        assert_eq!((votes, count), ([0, 0, 0, 1, 1], runs), "batches of {fixed}");
        assert_eq!(
            adapter.manifest(64).preferred_batch,
            if fixed == 1 { 64 } else { fixed as usize }
        );
    }
}

#[test]
fn a_runtime_may_ask_for_company() {
    let adapter = adapter(&[-1, 3, 2, 4], &[-1, 2], json!({})).unwrap();
    let batch = Batch::new(&[0; 24], 1, SHAPE, 1).unwrap();
    let run = |rows, _| {
        assert_eq!(rows, 2);
        Ok(Ok((vec![2, 2], vec![1.0, 2.0, 3.0, 4.0])))
    };
    assert_eq!(adapter.scores(&batch, 2, run), Ok(vec![1.0, 2.0]));
}

#[test]
fn outputs_are_one_score_for_each_class_or_one_in_all() {
    let of = |output: &[i64], config| adapter(&[-1, 3, 2, 4], output, config).map(drop);
    for right in [&[-1, 2][..], &[-1, 2, 1, 1], &[-1, -1], &[5, 2]] {
        assert_eq!(of(right, json!({})), Ok(()), "{right:?}");
    }
    for one in [&[-1, 1][..], &[-1], &[-1, 1, 1]] {
        assert!(of(one, json!({})).unwrap_err().contains("threshold = 0.5"));
        assert_eq!(of(one, json!({ "threshold": 0.5 })), Ok(()));
        let three = of(one, json!({ "threshold": 0.5, "classes": 3 })).unwrap_err();
        assert!(three.contains("3 names, but the model has 2 outputs"), "{three}");
    }
    for wrong in [&[-1, 2, 7, 7][..], &[], &[-1, 0]] {
        assert!(of(wrong, json!({})).unwrap_err().contains("expected [batch, classes]"));
    }
    assert!(of(&[-1, 2], json!({ "threshold": 0.5 })).unwrap_err().contains("remove threshold"));
    assert!(of(&[-1, 3], json!({})).unwrap_err().contains("2 names, but the model has 3"));
}

#[test]
fn one_score_votes_for_the_second_class_above_its_threshold_only() {
    let adapter = adapter(&[-1, 3, 2, 4], &[-1, 1], json!({ "threshold": 0.5 })).unwrap();
    let batch = Batch::new(&[0; 72], 3, SHAPE, 1).unwrap();
    let answer = |scores: [f32; 3]| move |_, _| Ok(Ok((vec![3, 1], scores.to_vec())));
    let mut votes = [9; 3];
    adapter.vote(&batch, &mut votes, 1, answer([0.49, 0.5, 0.51])).unwrap();
    assert_eq!(votes, [0, 0, 1], "a tie is the lower class's");
    let error = adapter.vote(&batch, &mut votes, 1, answer([0.0, f32::NAN, 0.0])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NonFinite);
}

#[test]
fn answers_of_another_shape_are_errors() {
    let adapter = adapter(&[-1, 3, 2, 4], &[-1, 2], json!({})).unwrap();
    let batch = Batch::new(&[0; 72], 3, SHAPE, 1).unwrap();
    for dims in [vec![3, 3], vec![1, 2], vec![3, 2, 2], vec![6], vec![2, 3], vec![]] {
        let count = dims.iter().product();
        let error = adapter.scores(&batch, 1, |_, _| Ok(Ok((dims.clone(), vec![0.0; count]))));
        assert!(error.unwrap_err().to_string().contains("expected [3, 2]"), "{dims:?}");
    }
}

#[test]
fn what_does_not_run_on_several_inputs_is_told_from_what_does_not_run() {
    let adapter = adapter(&[-1, 3, 2, 4], &[-1, 2], json!({})).unwrap();
    let path = Path::new("m.onnx");
    let one_only = |rows, _| match rows {
        1 => Ok(Ok((vec![1, 2], vec![0.0; 2]))),
        _ => Ok(Err("too many".to_owned())),
    };
    let error = adapter.try_out(path, one_only).unwrap_err().to_string();
    assert!(error.contains("too many") && error.contains("torch.rand(2, 3, 2, 4)"), "{error}");
    let broken = |_, _| Ok(Err("no kernel".to_owned()));
    let error = adapter.try_out(path, broken).unwrap_err().to_string();
    assert!(error.contains("no kernel") && !error.contains("torch"), "{error}");
}
