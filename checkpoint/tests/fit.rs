//! A network's tensors out of files as the field leaves them: wrappers, normalisation layers,
//! several sets of weights.
//!
//! Long, since it is a list: each case is the names of a file's tensors and what is made of them.

use drs_checkpoint::{Fitted, Needs, read};

/// Name, shape, and the values; a shape's first value for all where there is one.
type Named = (String, Vec<usize>, Vec<f32>);

/// A file of `torch.save` before 1.6: dicts of tensors under keys, or under none.
fn file(sets: &[(&str, Vec<Named>)]) -> Vec<u8> {
    let values: Vec<f32> = sets.iter().flat_map(|(_, set)| set).flat_map(|t| t.2.clone()).collect();
    let mut at = 0;
    let mut object = b"}".to_vec();
    for (key, set) in sets {
        if !key.is_empty() {
            object.extend(text(key));
            object.push(b'}');
        }
        for (name, shape, own) in set {
            object.extend(text(name));
            object.extend(tensor(values.len(), at, shape));
            object.push(b's');
            at += own.len();
        }
        if !key.is_empty() {
            object.push(b's');
        }
    }
    let head = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02";
    let count = (values.len() as u64).to_le_bytes();
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    [head, object.as_slice(), b".\x80\x02]U\x011a.", &count, &data].concat()
}

fn text(text: &str) -> Vec<u8> {
    [b"X", (text.len() as u32).to_le_bytes().as_slice(), text.as_bytes()].concat()
}

fn tensor(elements: usize, offset: usize, shape: &[usize]) -> Vec<u8> {
    let numbers = |sizes: &[usize]| sizes.iter().map(|n| format!("I{n}\n")).collect::<String>();
    let strides: Vec<usize> =
        (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect();
    let (shape, strides) = (numbers(shape), numbers(&strides));
    format!(
        "ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x011U\x03cpuI{elements}\nNtQI{offset}\n({shape}t({strides}tI00\nNtR"
    )
    .into_bytes()
}

fn named(name: &str, shape: &[usize], value: f32) -> Named {
    (name.to_owned(), shape.to_vec(), vec![value; shape.iter().product()])
}

/// The network of these tests, all of one value, with something before every name.
fn network(prefix: &str, value: f32) -> Vec<Named> {
    let mut all = vec![
        named("conv.weight", &[2, 3], value),
        named("bn.weight", &[2], value),
        named("layer.conv.weight", &[2, 2], value),
        named("fc.weight", &[4, 2], value),
        named("fc.bias", &[4], value),
    ];
    all.iter_mut().for_each(|(name, ..)| name.insert_str(0, prefix));
    all
}

fn with(mut all: Vec<Named>, more: impl IntoIterator<Item = Named>) -> Vec<Named> {
    all.extend(more);
    all
}

fn normaliser(mean: &str, std: &str, shape: &[usize]) -> [Named; 2] {
    let values = |values: [f32; 3]| values.to_vec();
    [
        (mean.to_owned(), shape.to_vec(), values([0.5, 0.25, 0.125])),
        (std.to_owned(), shape.to_vec(), values([0.25, 0.5, 0.75])),
    ]
}

fn fit(sets: &[(&str, Vec<Named>)], weights: Option<&str>) -> Result<Fitted, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    std::fs::write(&path, file(sets)).unwrap();
    let tensors: Vec<(String, Vec<Option<usize>>)> = network("", 0.0)
        .into_iter()
        .map(|(name, shape, _)| {
            let is_head = name.starts_with("fc");
            let size = |(axis, size)| (!is_head || axis > 0).then_some(size);
            (name, shape.into_iter().enumerate().map(size).collect())
        })
        .collect();
    let needs = Needs { network: "toy", tensors: &tensors, channels: 3 };
    read(&path).unwrap().fit(needs, weights)
}

/// The value of all weights.
fn value(fitted: &Fitted) -> f32 {
    assert_eq!(fitted.tensors.len(), 5, "{fitted:?}");
    let mut values = fitted.tensors.values().flat_map(|tensor| tensor.to_f32().unwrap());
    let first = values.next().unwrap();
    assert!(values.all(|value| value == first), "{fitted:?}");
    first
}

const USUAL: (&[f32], &[f32]) = (&[0.1; 3], &[0.2; 3]);

fn normalisation(fitted: &Fitted) -> Option<(Vec<f32>, Vec<f32>)> {
    fitted.front.normalisation(USUAL, None).unwrap()
}

fn usual() -> Option<(Vec<f32>, Vec<f32>)> {
    Some((USUAL.0.to_vec(), USUAL.1.to_vec()))
}

#[track_caller]
fn fails(sets: &[(&str, Vec<Named>)], weights: Option<&str>, words: &[&str]) {
    let error = fit(sets, weights).unwrap_err();
    for word in words {
        assert!(error.contains(word), "\"{word}\" in: {error}");
    }
}

#[test]
fn whatever_prefix_all_names_share_is_a_wrapper() {
    for prefix in [
        "",
        "module.",
        "model.",
        "net.",
        "_orig_mod.",
        "backbone.",
        "encoder.",
        "anything.",
        "module._orig_mod.",
        "model._orig_mod.",
        "_orig_mod.module.",
        "a.b.c.d.",
        "layer.",
        "0.",
        "model.0.",
    ] {
        let found = fit(&[("state_dict", network(prefix, 1.5))], None).unwrap();
        assert_eq!((value(&found), normalisation(&found)), (1.5, None), "{prefix}");
        assert_eq!(found.notes, [""; 0], "{prefix}");
    }
}

#[test]
fn a_second_place_in_a_sequence_tells_of_a_normalisation() {
    for prefix in ["1.", "module.1.", "1.module.", "model.1._orig_mod."] {
        let found = fit(&[("", network(prefix, 1.0))], None).unwrap();
        assert_eq!(normalisation(&found), usual(), "{prefix}");
        // The config has the last word.
        let given: (&[f32], &[f32]) = (&[0.3; 3], &[0.4; 3]);
        let found = found.front.normalisation(USUAL, Some(given)).unwrap().unwrap();
        assert_eq!(found, (given.0.to_vec(), given.1.to_vec()));
    }
    // Two layers: what they do is not known, unless the config says it.
    let found = fit(&[("", network("2.", 1.0))], None).unwrap();
    let error = found.front.normalisation(USUAL, None).unwrap_err();
    assert!(error.contains("2 layers") && error.contains("give mean and std"), "{error}");
    assert!(found.front.normalisation(USUAL, Some(USUAL)).is_ok());
}

#[test]
fn counters_and_losses_are_set_aside() {
    let counters = [
        named("n_averaged", &[], 7.0),
        named("module.bn.num_batches_tracked", &[], 7.0),
        named("ema.decay", &[1], 0.9),
    ];
    let found = fit(&[("", with(network("module.", 2.0), counters))], None).unwrap();
    assert_eq!((value(&found), found.notes.len()), (2.0, 0));
    let loss = named("criterion.weight", &[4], 9.0);
    let found = fit(&[("", with(network("model.", 2.0), [loss]))], None).unwrap();
    assert_eq!(value(&found), 2.0);
    assert!(found.notes[0].contains("criterion.weight found beside"), "{:?}", found.notes);
    // Not a counter, by its size.
    let step = named("model.step", &[5], 0.0);
    fails(&[("", with(network("model.", 2.0), [step]))], None, &["model.step found"]);
}

#[test]
fn what_may_belong_to_the_answers_is_refused() {
    let denoiser = named("denoiser.conv.weight", &[3, 3], 1.0);
    let all = with(network("classifier.", 3.0), [denoiser]);
    let words =
        ["tensor denoiser.conv.weight found", "toy does not have", "weights = \"classifier\""];
    fails(&[("", all.clone())], None, &words);
    let found = fit(&[("", all)], Some("classifier")).unwrap();
    assert_eq!(value(&found), 3.0);
    assert!(found.notes[0].contains("denoiser.conv.weight"), "{:?}", found.notes);
    // Inside the network no key helps.
    let larger = with(network("", 3.0), [named("layer.more.weight", &[1], 1.0)]);
    fails(&[("", larger)], None, &["layer.more.weight found", "is arch the architecture"]);
    // A layer with weights before the network, in a sequence.
    let before = with(network("1.", 3.0), [named("0.weight", &[3], 1.0)]);
    fails(&[("", before)], None, &["0.weight found"]);
}

#[test]
fn normalisation_layers_are_used() {
    let numbers = Some((vec![0.5, 0.25, 0.125], vec![0.25, 0.5, 0.75]));
    for (prefix, mean, std, shape) in [
        ("", "mean", "std", &[3][..]),
        ("1.", "0.mean", "0.std", &[1, 3, 1, 1]),
        ("model.", "normalize.mean", "normalize.std", &[1, 3, 1, 1]),
        ("model.", "normalizer.new_mean", "normalizer.new_std", &[3, 1, 1]),
        ("module.model.", "module.normalizer.mean", "module.normalizer.std", &[3, 1, 1]),
        ("1.", "0.means", "0.sds", &[3]),
        ("net.", "mu", "sigma", &[3]),
        ("net.", "net.mean", "net.std", &[3]),
        ("model.", "data_preprocessor.mean", "data_preprocessor.std", &[3, 1, 1]),
        ("model.", "transform.normalize.mean", "transform.normalize.std", &[3]),
        ("model.", "model.input_standardizer.mean", "model.input_standardizer.std", &[3]),
        ("a.1.net.", "a.0.x.mean", "a.0.x.std", &[3]),
    ] {
        let all = with(network(prefix, 1.0), normaliser(mean, std, shape));
        let found = fit(&[("state_dict", all)], None).unwrap();
        assert_eq!(normalisation(&found), numbers, "{prefix} {mean}");
        // Numbers that happen to be called so would change every answer: the user is told.
        let note = &found.notes[0];
        assert!(note.contains(&format!("{mean} ([0.5, 0.25, 0.125]) as mean")), "{note}");
        assert_eq!(found.notes.len(), 1);
        // The config may say the same, in a few digits, and nothing else.
        let given: (&[f32], &[f32]) = (&[0.5, 0.2503, 0.1247], &[0.25, 0.5, 0.75]);
        assert!(found.front.normalisation(USUAL, Some(given)).is_ok());
        let error = found.front.normalisation(USUAL, Some(USUAL)).unwrap_err();
        for word in [mean, std, "[0.5, 0.25, 0.125]", "leave mean and std out"] {
            assert!(error.contains(word), "\"{word}\" in: {error}");
        }
    }
    // One number for all channels.
    let gray = [named("mean", &[1], 0.5), named("std", &[], 0.25)];
    let found = fit(&[("", with(network("", 1.0), gray))], None).unwrap();
    assert_eq!(normalisation(&found), Some((vec![0.5; 3], vec![0.25; 3])));
    // Half a layer is none.
    let half = with(network("", 1.0), [named("mean", &[3], 0.5)]);
    fails(&[("", half)], None, &["tensor mean found"]);
    let two = with(network("m.", 1.0), normaliser("mean", "std", &[3]));
    let two = with(two, normaliser("norm.mean", "norm.std", &[3]));
    fails(&[("", two)], None, &["mean and norm.mean", "two normalisation layers"]);
    let two = with(network("m.", 1.0), normaliser("m.mean", "m.std", &[3]));
    let two = with(two, normaliser("norm.mean", "norm.std", &[3]));
    fails(&[("", two)], None, &["m.mean and norm.mean", "two normalisation layers"]);
}

#[test]
fn numbers_of_a_layer_elsewhere_are_never_the_normalisation() {
    let with_layer = |prefix: &str, place: &str| {
        let [mean, std] = ["mean", "std"].map(|name| format!("{place}{name}"));
        with(network(prefix, 1.0), normaliser(&mean, &std, &[3]))
    };
    // Behind the network in a sequence, whatever it is called.
    for (prefix, place) in [("0.", "1."), ("0.", "1.normalize."), ("m.1.net.", "m.2.")] {
        let all = with_layer(prefix, place);
        let words = [&format!("{place}mean"), "behind the network", "another model", "TorchScript"];
        fails(&[("", all.clone())], None, &words);
        // Naming the network is no leave to leave out what comes behind it.
        fails(&[("", all)], Some(prefix.trim_end_matches('.')), &words);
    }
    // Where nothing tells that it comes first.
    for (prefix, place) in [
        ("", "head."),
        ("model.", "head."),
        ("model.", "1."),
        ("model.", "latent.prior."),
        ("model.", "decoder.norm."),
        ("model.", "transformer."),
        ("model.", "model.layer."),
        ("0.", "head."),
    ] {
        fails(&[("", with_layer(prefix, place))], None, &[&format!("{place}mean"), "found, which"]);
    }
    // Inside the network, where a module of its own is called so.
    let tensors = [("norm.weight".to_owned(), vec![Some(3)])];
    let needs = Needs { network: "toy", tensors: &tensors, channels: 3 };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    let all =
        with(vec![named("norm.weight", &[3], 1.0)], normaliser("norm.mean", "norm.std", &[3]));
    std::fs::write(&path, file(&[("", all)])).unwrap();
    let error = read(&path).unwrap().fit(needs, None).unwrap_err();
    assert!(error.contains("norm.mean and 1 more found"), "{error}");
    // Whoever names the network says that the rest takes no part: the user is told what it was.
    let found = fit(&[("", with_layer("model.", "head."))], Some("model")).unwrap();
    assert_eq!(normalisation(&found), None);
    assert!(found.notes[0].contains("head.mean"), "{:?}", found.notes);
}

#[test]
fn numbers_that_are_no_deviations_of_pixels_in_0_to_1_are_questioned() {
    let layer = |mean: f32, std: f32, names: [&str; 2]| {
        let layer = [named(names[0], &[3], mean), named(names[1], &[3], std)];
        fit(&[("", with(network("", 1.0), layer))], None).unwrap()
    };
    let error = |fitted: &Fitted| fitted.front.normalisation(USUAL, None).unwrap_err();
    let bytes = layer(127.5, 51.0, ["mean", "std"]);
    let told = error(&bytes);
    assert!(told.contains("mean = [0.5, 0.5, 0.5]"), "{told}");
    assert!(told.contains("std = [0.2, 0.2, 0.2]"), "{told}");
    // As that error proposes.
    assert!(bytes.front.normalisation(USUAL, Some((&[0.5; 3], &[0.2; 3]))).is_ok());
    assert!(bytes.front.normalisation(USUAL, Some((&[0.4; 3], &[0.2; 3]))).is_err());
    for (mean, std) in [(0.5, 0.0), (0.5, -0.2), (-0.5, 0.2), (f32::NAN, 0.2), (0.5, f32::INFINITY)]
    {
        let told = error(&layer(mean, std, ["mean", "std"]));
        assert!(told.contains("expected means"), "{told}");
    }
    let variance = layer(0.5, 0.0625, ["mean", "var"]);
    assert_eq!(normalisation(&variance), Some((vec![0.5; 3], vec![0.25; 3])));
    // m and v: of a size that only deviations have, with a note, or refused.
    let clear = layer(0.5, 0.2, ["m", "v"]);
    assert_eq!(normalisation(&clear), Some((vec![0.5; 3], vec![0.2; 3])));
    let note = &clear.notes[0];
    assert!(note.contains("m ([") && note.contains("]) as standard deviation"), "{note}");
    let unclear = layer(0.5, 0.0625, ["m", "v"]);
    assert!(error(&unclear).contains("deviations or variances"));
    for std in [0.0625, 0.25] {
        assert!(unclear.front.normalisation(USUAL, Some((&[0.5; 3], &[std; 3]))).is_ok());
    }
}

#[test]
fn averaged_weights_are_the_default_and_it_is_said() {
    for (raw, ema) in [
        ("state_dict", "state_dict_ema"),
        ("model", "ema"),
        ("model_state", "ema_state_dict"),
        ("model", "model_ema"),
    ] {
        let both = [(raw, network("", 1.0)), (ema, network("module.", 2.0))];
        let found = fit(&both, None).unwrap();
        assert_eq!(value(&found), 2.0, "{raw} {ema}");
        let note = &found.notes[0];
        for word in [raw, ema, "are used", "weights = "] {
            assert!(note.contains(word), "\"{word}\" in: {note}");
        }
        for (weights, expected) in [("ema", 2.0), ("raw", 1.0), (raw, 1.0), (ema, 2.0)] {
            let found = fit(&both, Some(weights)).unwrap();
            assert_eq!((value(&found), found.notes.len()), (expected, 0), "{weights}");
        }
        fails(&both, Some("student"), &["weights: \"student\" found", raw, ema]);
        let only = fit(&both[1..], None).unwrap();
        assert_eq!((value(&only), only.notes.len()), (2.0, 0));
    }
}

#[test]
fn sets_under_prefixes_of_one_dict_are_told_apart_too() {
    let both = with(network("model.", 1.0), network("ema_model.", 2.0));
    let sets = [("state_dict", both)];
    let found = fit(&sets, None).unwrap();
    assert_eq!((value(&found), found.notes.len()), (2.0, 1));
    assert_eq!(value(&fit(&sets, Some("model")).unwrap()), 1.0);
    assert_eq!(value(&fit(&sets, Some("state_dict.model")).unwrap()), 1.0);
    assert_eq!(value(&fit(&sets, Some("raw")).unwrap()), 1.0);
    // Neither is averaged: a guess would be one.
    let sets = [("", with(network("student.", 1.0), network("teacher.", 2.0)))];
    fails(&sets, None, &["\"student\", \"teacher\"", "weights = \"student\""]);
    assert_eq!(value(&fit(&sets, Some("student")).unwrap()), 1.0);
    let sets = [("best", network("", 1.0)), ("last", network("", 2.0))];
    fails(&sets, None, &["\"best\", \"last\"", "several sets of weights"]);
    fails(&sets, Some("ema"), &["weights: \"ema\" found"]);
}

#[test]
fn one_set_under_two_names_is_one() {
    // A module that holds another once more, as an attack does its model.
    let twice = with(network("module.model.", 1.0), network("module.attacker.model.", 1.0));
    let layers = normaliser("module.normalizer.new_mean", "module.normalizer.new_std", &[3, 1, 1]);
    let again =
        normaliser("module.attacker.normalize.new_mean", "module.attacker.normalize.new_std", &[3]);
    let found = fit(&[("model", with(with(twice, layers), again))], None);
    // Each with the layer that is nearest to it.
    let found = found.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(normalisation(&found).unwrap().0, [0.5, 0.25, 0.125]);
    let found = fit(&[("model", network("", 1.0)), ("state_dict", network("a.", 1.0))], None);
    assert_eq!(found.unwrap().notes, [""; 0]);
}

#[test]
fn averaged_weights_that_cannot_be_used_are_told_of() {
    let part = vec![named("conv.weight", &[2, 3], 2.0)];
    let found = fit(&[("model", network("", 1.0)), ("ema", part)], None).unwrap();
    assert_eq!(value(&found), 1.0);
    assert!(found.notes[0].contains("averaged weights under 'ema'"), "{:?}", found.notes);
    // Without names, as some libraries keep them.
    let mut bytes = file(&[("model", network("", 1.0))]);
    let end = bytes.windows(4).position(|part| part == b".\x80\x02]").unwrap();
    let list =
        [&text("ema")[..], b"}", &text("shadow_params"), b"](", &tensor(24, 0, &[2]), b"ess"];
    bytes.splice(end..end, list.concat());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    std::fs::write(&path, bytes).unwrap();
    let sets = read(&path).unwrap().sets;
    assert_eq!((sets.len(), sets[1].key.as_str()), (2, "ema.shadow_params"));
    assert!(sets[1].tensors.as_ref().unwrap_err().contains("without names"));
}

#[test]
fn a_key_of_a_dict_is_no_leave_to_drop_what_is_beside_the_network() {
    let all = with(network("model.", 1.0), [named("denoiser.weight", &[3, 3], 1.0)]);
    fails(
        &[("model", all)],
        Some("model"),
        &["denoiser.weight found", "weights = \"model.model\""],
    );
}

#[test]
fn what_does_not_fit_is_listed_beside_what_is_expected() {
    let mut part = network("model.", 1.0);
    part.retain(|(name, ..)| name != "model.bn.weight");
    part.push(named("model.norm.weight", &[2], 1.0));
    fails(
        &[("state_dict", part)],
        None,
        &[
            "'state_dict'",
            "tensor bn.weight is missing",
            "of the 5 tensors of toy, 4 are in the file under model.",
            "begins with model.conv.weight, model.fc.bias, model.fc.weight",
            "expected bn.weight, conv.weight, fc.bias",
            "TorchScript",
            "ONNX",
        ],
    );
    let other = vec![named("transformer.weight", &[2], 1.0)];
    fails(&[("", other)], None, &["0 are in the file", "transformer.weight", "conv.weight"]);
    let mut misshapen = network("model.", 1.0);
    misshapen[1] = named("model.bn.weight", &[3], 1.0);
    let words = ["tensor model.bn.weight has shape [3], expected [2]", "toy"];
    fails(&[("", misshapen)], None, &words);
    // The first tensor with one row for each class tells how many there are.
    let mut head = network("", 1.0);
    head[4] = named("fc.bias", &[5], 1.0);
    fails(&[("", head)], None, &["tensor fc.bias has shape [5], expected [4]"]);
}
