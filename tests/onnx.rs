//! ONNX files as users have them, through both plugins that run them.

use std::path::PathBuf;

use drs_tests::{Place, Run, root, skipped};

/// The plugins: `onnx` is always there, `ort` where its library is.
fn plugins() -> Vec<&'static str> {
    match drs_ort_library::find() {
        Ok(_) => vec!["onnx", "ort"],
        Err(why) => {
            skipped(&format!("ONNX Runtime is not there ({why}): the plugin ort is not tried"));
            vec!["onnx"]
        }
    }
}

/// Certifies two images, one high and one low, by one of the tiny models in `tests/models`.
fn certified(place: &Place, plugin: &str, model: &str, more: &str) -> Run {
    let path = root().join("tests/models").join(model).canonicalize().unwrap();
    place.write(
        "experts.toml",
        format!(
            "[input]\nshape = [1, 1, 2]\nquantum = \"1/255\"\n[[expert]]\nname = \"only\"\n{plugin}config = {{ model = '{}'{more} }}\n",
            path.display()
        ),
    );
    place.write_idx("data", [1, 2], &[(vec![250, 0], 1), (vec![3, 255], 0)]);
    place.drs("certify --experts experts.toml --data data --out out.tsv --method one:only --n 500 --seed 1")
}

fn by(plugin: &str) -> String {
    format!("plugin = \"{plugin}\"\n")
}

#[track_caller]
fn is_right(place: &Place) {
    let rows = drs_tests::rows_without_time(&place.read("out.tsv"));
    let correct: Vec<&str> = rows.iter().map(|row| row[4].as_str()).collect();
    assert_eq!(correct, ["1", "1"]);
}

#[test]
fn inputs_and_outputs_of_every_usual_kind() {
    for plugin in plugins() {
        for (model, more) in [
            ("logits.onnx", ""),
            ("logits.onnx", ", mean = [0.0], std = [1.0]"),
            ("logits.onnx", ", layout = \"nchw\""),
            ("probabilities.onnx", ""),
            ("undeclared.onnx", ", sigma = 0.25, classes = [\"low\", \"high\"]"),
            ("several-outputs.onnx", ", output = \"logits\""),
            ("pooled.onnx", ""),
            ("one-score.onnx", ", threshold = 0.0"),
            ("channels-last.onnx", ""),
            ("channels-last.onnx", ", layout = \"nhwc\""),
            ("flat.onnx", ""),
            ("half.onnx", ""),
            ("double.onnx", ""),
            ("fixed-batch.onnx", ""),
            ("fixed-one.onnx", ""),
        ] {
            println!("{plugin}: {model}{more}");
            let place = Place::new();
            let run = certified(&place, &by(plugin), model, more);
            if (plugin, model) == ("ort", "double.onnx") {
                run.fails(1, &["scores are float64", "Cast to float32"]);
                continue;
            }
            let slow = run.stderr.contains("fixed at 1, so it runs input by input");
            assert_eq!(slow, model == "fixed-one.onnx", "{run}");
            let _ = run.succeeds();
            is_right(&place);
        }
    }
}

#[test]
fn what_does_not_fit_is_told_when_the_pool_opens() {
    for plugin in plugins() {
        for (model, more, words) in [
            (
                "several-outputs.onnx",
                "",
                &[
                    "3 outputs found",
                    "label [batch] int64; reversed [batch, 2]",
                    "output = \"reversed\"",
                ][..],
            ),
            (
                "several-outputs.onnx",
                ", output = \"logit\"",
                &["\"logit\" is not among its outputs", "logits [batch, 2]"],
            ),
            (
                "several-outputs.onnx",
                ", output = \"label\"",
                &[
                    "label [batch] int64, expected float scores",
                    "output = \"reversed\" holds floats",
                ],
            ),
            (
                "label.onnx",
                "",
                &["label [batch] int64, expected float scores", "logits or probabilities"],
            ),
            (
                "bytes.onnx",
                "",
                &["image [batch, 1, 1, 2] uint8, expected floats", "below 0 and above 255"],
            ),
            ("one-score.onnx", "", &["one score, not one for each class", "threshold = 0.0"]),
            ("one-score.onnx", ", threshold = 0.0, classes = 3", &["classes", "metadata says"]),
            ("logits.onnx", ", threshold = 0.5", &["threshold is for a model of one score"]),
            ("logits.onnx", ", layout = \"hwc\"", &["`hwc`", "`nchw`"]),
            ("logits.onnx", ", layout = \"nhwc\"", &["2x1x1", "input.shape"]),
            ("logits.onnx", ", ouput = \"logits\"", &["`ouput`", "`output`"]),
        ] {
            println!("{plugin}: {model}{more}");
            let run = certified(&Place::new(), &by(plugin), model, more);
            assert!(!run.stderr.contains("stopped after"), "when it opens: {run}");
            run.fails(1, words);
        }
    }
}

#[test]
fn operators_that_only_one_runtime_has() {
    let place = Place::new();
    let run = certified(&place, &by("onnx"), "classical.onnx", ", output = \"logits\"");
    run.fails(1, &["not supported: LinearClassifier", "plugin = \"ort\""]);
    if plugins().contains(&"ort") {
        let place = Place::new();
        let _ = certified(&place, &by("ort"), "classical.onnx", ", output = \"logits\"").succeeds();
        is_right(&place);
        let run = certified(&place, &by("ort"), "logits.onnx", ", provider = \"cuda\"");
        run.fails(1, &["provider: \"cuda\" is not in this library", "onnxruntime-gpu"]);
        let run = certified(&place, &by("ort"), "logits.onnx", ", provider = \"gpu\"");
        run.fails(1, &["`gpu`", "`cuda`"]);
    }
}

#[test]
fn the_plugin_is_chosen_by_the_file() {
    let expected = plugins().last().copied().unwrap();
    for plugin in ["", "plugin = \"auto\"\n"] {
        let place = Place::new();
        let run = certified(&place, plugin, "logits.onnx", "");
        let told = format!("plugin {expected}, by the model's file: only");
        assert!(run.stderr.contains(&told), "{run}");
        let _ = run.succeeds();
        is_right(&place);
        let record = place.read("out.jsonl");
        assert!(record.contains(&format!("\"plugin\":\"{expected} ")), "{record}");
    }
    let place = Place::new();
    place.write("a.h5", "");
    place.write(
        "experts.toml",
        "[input]\nshape = [1, 1, 2]\nquantum = \"1/255\"\n[[expert]]\nname = \"only\"\nconfig = { model = \"a.h5\" }\n",
    );
    let run =
        place.drs("certify --experts experts.toml --data data --out out.tsv --method one:only");
    run.fails(1, &["experts.toml", "expert[0].plugin", "a.h5", ".onnx"]);
}

#[test]
fn without_its_library_the_plugin_says_what_to_do() {
    let place = Place::new();
    place.write("empty/lib.txt", "");
    let _ = certified(&place, &by("onnx"), "logits.onnx", "").succeeds();
    let toml = place.read("experts.toml").replace("\"onnx\"", "\"ort\"");
    place.write("experts.toml", toml);
    let mut command = place.command(
        "certify --experts experts.toml --data data --out ort.tsv --method one:only --n 500",
        &[],
    );
    let output = command.env("ORT_DYLIB_PATH", place.path("empty")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("ORT_DYLIB_PATH is") && said.contains("pip install onnxruntime"),
        "{said}"
    );
}

#[test]
fn both_plugins_give_the_shipped_pool_the_same_votes() {
    let place = Place::new();
    let folder = drs_tests::example().canonicalize().unwrap();
    let toml = std::fs::read_to_string(folder.join("experts.toml")).unwrap();
    let base = format!("base = {:?}\n", folder.display().to_string());
    let stages = |plugin: &str| {
        let toml = toml.replace("plugin = \"onnx\"", &format!("plugin = \"{plugin}\""));
        place.write("experts.toml", base.clone() + &toml);
        let images: Vec<_> =
            drs_tests::example_images().into_iter().map(|(image, _)| image).collect();
        let images: Vec<_> = images.iter().map(PathBuf::as_path).collect();
        let args = "route --experts experts.toml --n 300 --seed 1 --json";
        let said = place.drs_with(args, &images).succeeds();
        let answer = |line: &str| {
            let answer: serde_json::Value = serde_json::from_str(line).unwrap();
            answer["certificate"]["stages"].clone()
        };
        said.lines().map(answer).collect::<Vec<_>>()
    };
    let all: Vec<_> = plugins().into_iter().map(stages).collect();
    assert_eq!(all[0].len(), 20);
    assert!(all.iter().all(|stages| *stages == all[0]));
}

/// The output of a runtime may be the very memory of the input.
#[test]
fn an_input_that_is_passed_on_is_the_answer() {
    for plugin in plugins() {
        let place = Place::new();
        let run = certified(&place, &by(plugin), "passed-on.onnx", "");
        let _ = run.succeeds();
        // The first value is larger in the first image: the class is "low", its label "high".
        let rows = drs_tests::rows_without_time(&place.read("out.tsv"));
        assert_eq!(
            rows.iter().map(|row| row[2].as_str()).collect::<Vec<_>>(),
            ["0", "1"],
            "{plugin}"
        );
    }
}

/// All rules, one of which is that no file is opened that was not declared.
#[test]
fn both_plugins_keep_the_rules() {
    for plugin in plugins() {
        let place = Place::new();
        let _ = certified(&place, &by(plugin), "logits.onnx", "").succeeds();
        let said = place.drs("expert check --experts experts.toml").succeeds();
        assert!(said.contains("pass  files") && said.contains(" 0 failed"), "{said}");
    }
}

#[test]
fn who_names_a_library_gets_it_or_an_error() {
    let place = Place::new();
    let _ = certified(&place, "", "logits.onnx", "").succeeds();
    let run =
        "certify --experts experts.toml --data data --out other.tsv --method one:only --n 500";
    let output = place.command(run, &[]).env("ORT_DYLIB_PATH", "/nowhere").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(1) && said.contains("ORT_DYLIB_PATH is /nowhere"),
        "{said}"
    );
}
