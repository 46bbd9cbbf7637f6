//! Losses, gradients and steps beside independent ones (`fixtures/generate.py`).

use drs_train::adversary::Adversary;
use drs_train::loss::{
    Certificate, Claim, Consistency, Weigh, balance, certificate, consistency, maxmin_claims,
    soft_cross_entropy, soft_labels, utility,
};
use drs_train::optimiser::{Method, Optimiser};
use serde_json::Value;
use tch::{Kind, Tensor};

fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Nested lists as a tensor.
fn tensor(value: &Value) -> Tensor {
    fn flatten(value: &Value, shape: &mut Vec<i64>, depth: usize, out: &mut Vec<f32>) {
        let Some(items) = value.as_array() else { return out.push(value.as_f64().unwrap() as f32) };
        if shape.len() == depth {
            shape.push(items.len() as i64);
        }
        items.iter().for_each(|item| flatten(item, shape, depth + 1, out));
    }
    let (mut shape, mut out) = (Vec::new(), Vec::new());
    flatten(value, &mut shape, 0, &mut out);
    Tensor::from_slice(&out).reshape(shape)
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn apart(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

/// Checks loss and gradient of a case.
fn check(name: &str, loss: impl Fn(&Tensor, &Value) -> Tensor) {
    let case = &fixture("losses")[name];
    let logits = tensor(&case["logits"]).set_requires_grad(true);
    let found = loss(&logits, &case["settings"]);
    assert!(apart(&found, &tensor(&case["loss"])) < 1e-4, "{name}: {found}");
    let weights = Tensor::linspace(0.5, 1.5, found.size()[0], (Kind::Float, tch::Device::Cpu));
    (found * weights).sum(Kind::Float).backward();
    let gap = apart(&logits.grad(), &tensor(&case["gradient"]));
    assert!(gap < 1e-4, "{name}: the gradient is {gap} apart");
}

#[test]
fn losses_and_gradients_are_the_papers() {
    check("consistency", |logits, settings| {
        let number = |name: &str| settings[name].as_f64().unwrap();
        consistency(logits, Consistency { lambda: number("lambda"), eta: number("eta") })
    });
    check("soft_cross_entropy", |logits, settings| {
        let temperature = settings["temperature"].as_f64().unwrap();
        let labels = soft_labels(&tensor(&settings["radii"]), temperature).unsqueeze(0);
        let all = soft_cross_entropy(logits, &labels.expand_as(logits));
        all.mean_dim(0, false, Kind::Float)
    });
    check("utility", |logits, settings| utility(logits, &tensor(&settings["radii"])));
    let certified = |logits: &Tensor, settings: &Value, blended: bool| {
        let (radii, weights) = (numbers(&settings["radii"]), numbers(&settings["weights"]));
        let softness = settings["softness"].as_f64().unwrap();
        let (own, rivals) = (tensor(&settings["own"]), tensor(&settings["rivals"]));
        let claims = if blended { blend(&own, &rivals) } else { maxmin_claims(&own, &rivals) };
        let settings = Certificate { radii: &radii, weights: &weights, softness, sigma: 1.0 };
        certificate(logits, &claims, settings)
    };
    check("maxmin", |logits, settings| certified(logits, settings, false));
    check("blend", |logits, settings| certified(logits, settings, true));
    for (name, weigh) in [("strong", Weigh::Strong), ("weak", Weigh::Weak)] {
        let case = &fixture("losses")[name];
        let radii = tensor(&case["radii"]);
        let found = weigh.weight(&tensor(&case["logits"]), &radii, &[0, 1, 2]);
        assert!(apart(&found, &tensor(&case["weights"])) < 1e-6, "{name}: {found}");
        // The experts in another order.
        let order = Tensor::from_slice(&[2i64, 0, 1]);
        let logits = tensor(&case["logits"]).index_select(2, &order);
        let found = weigh.weight(&logits, &radii.index_select(1, &order), &[1, 2, 0]);
        assert!(apart(&found, &tensor(&case["weights"])) < 1e-6, "{name}: {found}");
    }
    let case = &fixture("losses")["balance"];
    assert!(apart(&balance(&tensor(&case["radii"])), &tensor(&case["weights"])) < 1e-6);
}

/// The terms of `blend_terms` in generate.py.
fn blend(own: &Tensor, rivals: &Tensor) -> Vec<Claim> {
    let term = |weights: [f64; 3], offset: f64, cap: Option<f64>, route: Option<&[i64]>| {
        let mean = |radii: &Tensor| {
            let weighted = (0..3).map(|i| radii.select(1, i) * weights[i as usize]);
            weighted.reduce(|a, b| a + b).unwrap() - offset
        };
        Claim { own: mean(own), rivals: mean(rivals), cap, route: route.map(<[i64]>::to_vec) }
    };
    vec![
        term([0.0, 0.0, 1.0], 0.1, None, None),
        term([2.0 / 3.0, 1.0 / 3.0, 0.0], 0.0, Some(0.05), Some(&[0])),
        term([0.0, 1.0, 0.0], 0.0, None, Some(&[0, 1])),
        term([1.0, 0.0, 0.0], 0.0, Some(0.0), None),
    ]
}

#[test]
fn consistency_has_gradients_at_the_extremes_of_f32() {
    for scale in [1.0, 100.0, 1e4, 1e30] {
        let logits = Tensor::from_slice(&[1.0f32, -1.0, 0.0, -1.0, 1.0, 0.0]).reshape([2, 1, 3]);
        let logits = (logits * scale).set_requires_grad(true);
        let loss = consistency(&logits, Consistency { lambda: 1.0, eta: 1.0 });
        loss.sum(Kind::Float).backward();
        for (what, found) in [("loss", &loss), ("gradient", &logits.grad())] {
            assert!(found.isfinite().all().int64_value(&[]) == 1, "{what} at {scale}: {found}");
        }
    }
}

#[test]
fn steps_are_pytorch_s() {
    let fixture = fixture("steps");
    let methods = [
        ("sgd", Method::Sgd { lr: 0.1, momentum: 0.9, weight_decay: 0.05 }),
        ("adamw", Method::AdamW { lr: 0.1, weight_decay: 0.05 }),
    ];
    for (name, method) in methods {
        let mut optimiser = Optimiser::new(method);
        let parameter = tensor(&fixture["start"]).set_requires_grad(true);
        let gradients = fixture["gradients"].as_array().unwrap();
        for (index, gradient) in gradients.iter().enumerate() {
            // A loss with just this gradient.
            (&parameter * tensor(gradient)).sum(Kind::Float).backward();
            let factor = if index < 3 { 1.0 } else { 0.5 };
            optimiser.step([("p", &parameter)].into_iter(), factor);
            let expected = tensor(&fixture["path"][name][index]);
            assert!(apart(&parameter, &expected) < 1e-5, "{name}, step {index}: {parameter}");
        }
    }
}

#[test]
fn inputs_are_moved_as_smoothadv_moves_them() {
    let case = fixture("attack");
    let (a, b) = (tensor(&case["a"]), tensor(&case["b"]));
    let labels: Vec<i64> = numbers(&case["labels"]).iter().map(|&label| label as i64).collect();
    let labels = Tensor::from_slice(&labels);
    let (inputs, noise) = (tensor(&case["inputs"]), tensor(&case["noise"]));
    let weights = a.set_requires_grad(true);
    let logits = |x: &Tensor| x.flatten(1, -1).matmul(&weights).tanh().matmul(&b);
    let adversary = Adversary {
        epsilon: case["epsilon"].as_f64().unwrap(),
        steps: case["steps"].as_u64().unwrap() as usize,
        warmup: 2.0,
    };
    let attack = |epoch| adversary.attack(logits, &inputs, &labels, &noise, epoch);
    let gap = apart(&attack(2.0), &tensor(&case["moved"]));
    assert!(gap < 1e-4, "{gap} apart");
    // Before the warm-up ends they move less; at its start not at all.
    assert_eq!(apart(&attack(0.0), &inputs), 0.0);
    let farthest = |moved: &Tensor| {
        (moved - &inputs).flatten(1, -1).norm_scalaropt_dim(2.0, [-1i64].as_slice(), false).max()
    };
    let half = farthest(&attack(1.0)).double_value(&[]);
    assert!((0.19..0.2001).contains(&half), "{half}");
    // The attack leaves nothing behind in the network's gradients.
    assert!(!weights.grad().defined());
}
