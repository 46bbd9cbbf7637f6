//! Every mistake a user can make gives a clear error and exit code, through
//! the real binary: 1 where something failed, 2 for wrong usage.

use std::path::PathBuf;

use drs_tests::{Halfspaces, Place, root};
use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb};

const SHAPE: [usize; 3] = [1, 2, 2];

fn save(place: &Place, name: &str, image: impl Into<DynamicImage>) -> PathBuf {
    let path = place.path(name);
    image.into().save(&path).expect("an image");
    path
}

/// A place with a good pool and a good image.
fn place() -> Place {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    save(&place, "good.png", ImageBuffer::from_pixel(2, 2, Luma([200u8])));
    place
}

const ROUTE: &str = "route --experts experts.toml --n 200 --seed 1";

fn image_fails(name: &str, words: &[&str], image: impl Into<DynamicImage>) {
    let place = place();
    save(&place, name, image);
    place.drs(&format!("{ROUTE} {name}")).fails(1, &[words, &[name]].concat());
}

#[test]
fn the_good_case_is_good() {
    let _ = place().drs(&format!("{ROUTE} good.png")).succeeds();
}

#[test]
fn missing_files() {
    place().drs(&format!("{ROUTE} absent.png")).fails(1, &["absent.png", "No such file"]);
    let run = place().drs("route --experts absent.toml good.png");
    assert_eq!(run.stderr.matches("No such file").count(), 1, "{run}");
    run.fails(1, &["absent.toml", "No such file"]);
}

#[test]
fn a_bad_image_does_not_cost_the_others_their_answer() {
    let run = place().drs(&format!("{ROUTE} absent.png good.png"));
    assert!(run.stdout.contains("good.png") && run.stdout.contains("high"), "{run}");
    run.fails(1, &["absent.png", "1 of 2 images failed"]);
}

#[test]
fn images_that_do_not_fit() {
    image_fails("wide.png", &["2x3", "expected 2x2"], ImageBuffer::from_pixel(3, 2, Luma([1u8])));
    image_fails(
        "alpha.png",
        &["alpha channel", "flatten"],
        ImageBuffer::from_pixel(2, 2, LumaA([1u8, 2])),
    );
    image_fails("deep.png", &["16 bits"], ImageBuffer::from_pixel(2, 2, Luma([1u16])));
    image_fails(
        "rgb.png",
        &["3 channels", "expected 1"],
        ImageBuffer::from_pixel(2, 2, Rgb([1u8, 2, 3])),
    );
}

#[test]
fn a_corrupt_png() {
    let place = place();
    let bytes = std::fs::read(place.path("good.png")).unwrap();
    place.write("cut.png", &bytes[..bytes.len() / 2]);
    place.drs(&format!("{ROUTE} cut.png")).fails(1, &["cut.png", "cannot be decoded"]);
    place.write("noise.png", b"not an image at all");
    place.drs(&format!("{ROUTE} noise.png")).fails(1, &["noise.png", "it begins with 6e 6f 74"]);
}

/// Runs the good case with experts.toml changed.
#[track_caller]
fn toml_fails(from: &str, to: &str, words: &[&str]) {
    let place = place();
    let toml = Halfspaces::pair().toml();
    assert!(toml.contains(from), "{toml}");
    place.write("experts.toml", toml.replace(from, to));
    place.drs(&format!("{ROUTE} good.png")).fails(1, &[words, &["experts.toml"]].concat());
}

#[test]
fn mistakes_in_experts_toml() {
    toml_fails("[router]", "[roter]", &["unknown field `roter`"]);
    toml_fails("name = \"far\"", "nmae = \"far\"", &["unknown field `nmae`"]);
    toml_fails("name = \"far\"", "name = \"near\"", &["expert[1].name", "\"near\"", "unique"]);
    toml_fails("\"near\", \"far\"]", "\"far\", \"near\"]", &["router", "[\"near\", \"far\"]"]);
    toml_fails("\"near\", \"far\"]", "\"near\", \"other\"]", &["router", "other"]);
    toml_fails("sigma = 0.25", "sigma = 0.0", &["near", "sigma is 0", "above 0"]);
    toml_fails("sigma = 0.25", "sigma = -1", &["near", "sigma is -1", "above 0"]);
    toml_fails("sigma = 0.25", "sigma = nan", &["config.sigma", "NaN", "finite"]);
    toml_fails("sigma = 0.25", "sigma = 50.0", &["near", "coarser quantum"]);
    toml_fails("sigma = 0.25", "sgma = 0.25", &["near", "unknown field `sgma`"]);
    toml_fails("quantum = \"1/255\"", "quantum = \"1/0\"", &["1/0", "1/255"]);
    toml_fails("shape = [1, 2, 2]", "shape = [1, 2, 3]", &["weights: 4 found, expected 6"]);
}

#[test]
fn all_failures_are_reported_together() {
    let place = place();
    let toml = Halfspaces::pair().toml().replace("sigma = 0.25", "sigma = -1").replacen(
        "plugin = \"halfspace\"",
        "plugin = \"nowhere\"",
        1,
    );
    place.write("experts.toml", toml);
    place
        .drs(&format!("{ROUTE} good.png"))
        .fails(1, &["2 problems", "router", "nowhere", "near", "sigma is -1"]);
}

/// A pool of one expert from the given plugin.
fn single(plugin: &str, config: &str) -> String {
    let [c, h, w] = SHAPE;
    format!(
        "[input]\nshape = [{c}, {h}, {w}]\nquantum = \"1/255\"\n[[expert]]\nname = \"only\"\nplugin = \"{plugin}\"\nconfig = {config}\n"
    )
}

/// Certifies one input with a pool of one expert.
#[track_caller]
fn plugin_fails(toml: &str, words: &[&str]) {
    let place = Place::new();
    place.write("experts.toml", toml);
    place.write_idx("data", [2, 2], &[(vec![200; 4], 1)]);
    let run = place
        .drs("certify --experts experts.toml --data data --out out.tsv --method one:only --n 100");
    run.fails(1, words);
}

#[test]
fn plugins_that_cannot_be_loaded() {
    plugin_fails(
        &single("nowhere", "{}"),
        &["\"nowhere\" not found", "looked for", "DRS_PLUGIN_PATH"],
    );
    plugin_fails(&single("./libabsent.so", "{}"), &["libabsent.so", "not found"]);
    plugin_fails(&single("no_plugin", "{}"), &["no_plugin", "no drs plugin"]);
    plugin_fails(
        &single("needs_library", "{}"),
        &["needs libdrs_absent.so", "does not find", "LD_LIBRARY_PATH"],
    );
    plugin_fails(&single("other_version", "{}"), &["version 9.0.0", "rebuild"]);
    plugin_fails(&single("other_layout", "{}"), &["another layout", "rebuild"]);
    let pinned = single("halfspace", &format!("{{}}\nsha256 = \"{}\"", "0".repeat(64)));
    plugin_fails(&pinned, &["sha256", "experts.toml expects 0000"]);
}

#[test]
fn a_file_that_is_no_library() {
    let place = Place::new();
    place.write("notes.so", "not a library");
    place.write("experts.toml", single("./notes.so", "{}"));
    save(&place, "good.png", ImageBuffer::from_pixel(2, 2, Luma([200u8])));
    place.drs(&format!("{ROUTE} good.png")).fails(1, &["notes.so", "cannot load"]);
}

#[test]
fn plugins_that_misbehave() {
    let misbehaving = |how: &str| single("misbehaving", &format!("{{ how = \"{how}\" }}"));
    plugin_fails(&misbehaving("panic-in-open"), &["only", "panicked", "asked to panic in open"]);
    plugin_fails(&misbehaving("panic-in-manifest"), &["only", "manifest"]);
    plugin_fails(
        &misbehaving("panic-in-vote"),
        &["only", "panicked", "asked to panic in vote", "input 0"],
    );
    plugin_fails(&misbehaving("nan-logits"), &["only", "NaN", "finite", "input 0"]);
    plugin_fails(&misbehaving("vote-out-of-range"), &["only", "class 7", "below 2"]);
    plugin_fails(&misbehaving("one-class"), &["only", "1 classes, expected at least 2"]);
    plugin_fails(&misbehaving("other-shape"), &["only", "1x3x2", "1x2x2"]);
    plugin_fails(&misbehaving("no-such-way"), &["config", "no-such-way"]);
}

/// A pool of one of the tiny ONNX models in `tests/models`.
fn onnx(model: &str, more: &str) -> String {
    let path = root()
        .join("tests/models")
        .join(model)
        .canonicalize()
        .unwrap_or_else(|_| PathBuf::from(model));
    single("onnx", &format!("{{ model = '{}'{more} }}", path.display()))
        .replace("[1, 2, 2]", "[1, 1, 2]")
}

#[track_caller]
fn onnx_fails(toml: &str, words: &[&str]) {
    let place = Place::new();
    place.write("experts.toml", toml);
    place.write_idx("data", [1, 2], &[(vec![200, 0], 1)]);
    place
        .drs("certify --experts experts.toml --data data --out out.tsv --method one:only --n 100")
        .fails(1, words);
}

#[test]
fn onnx_models_that_do_not_fit() {
    onnx_fails(&onnx("absent.onnx", ""), &["absent.onnx"]);
    onnx_fails(&onnx("generate.py", ""), &["generate.py"]);
    onnx_fails(&onnx("nan.onnx", ""), &["only", "NaN", "finite"]);
    onnx_fails(&onnx("undeclared.onnx", ""), &["undeclared.onnx", "drs.sigma"]);
    onnx_fails(&onnx("undeclared.onnx", ", sigma = 0.25"), &["undeclared.onnx", "drs.classes"]);
    onnx_fails(&onnx("logits.onnx", ", sigma = 0.5"), &["0.5 in the configuration", "0.25"]);
    onnx_fails(
        &onnx("logits.onnx", ", classes = [\"high\", \"low\"]"),
        &["classes", "metadata says"],
    );
    onnx_fails(&onnx("logits.onnx", ", mean = [0.1, 0.2]"), &["mean: 2 values, expected 1"]);
}

#[test]
fn usage_errors() {
    let place = place();
    for (args, words) in [
        ("--n 0", ["--n", "0"]),
        ("--n 1000000001", ["--n", "1..=1000000000"]),
        ("--n0 0", ["--n0", "0"]),
        ("--n0 1000000001", ["--n0", "1..=1000000000"]),
        ("--first-look 1000000001", ["--first-look", "1..=1000000000"]),
        ("--last-look 1", ["--last-look", "between 0 and 1"]),
        ("--tol 5", ["--tol", "from 0 to 1"]),
        ("--alpha 0", ["--alpha", "strictly between 0 and 1"]),
        ("--alpha 1", ["--alpha", "strictly between 0 and 1"]),
        ("--alpha nan", ["--alpha", "strictly between 0 and 1"]),
        ("--seed xyz", ["--seed", "64 hexadecimal digits"]),
        ("--rule best", ["--method", "maxmin"]),
        ("--threads 0", ["--threads", "from 1"]),
        ("--batch 0", ["--batch", "from 1"]),
        ("--nonsense", ["--nonsense", "Usage"]),
    ] {
        place.drs(&format!("route --experts experts.toml good.png {args}")).fails(2, &words);
    }
    place.drs("route --experts experts.toml").fails(2, &["IMAGE"]);
    let certify = "certify --experts experts.toml --data data --out o.tsv";
    place.drs(&format!("{certify} --severity 6")).fails(2, &["--severity", "expected 1 to 5"]);
    place
        .drs("certify --experts experts.toml --data d --out o --method best")
        .fails(2, &["one:NAME"]);
}

#[test]
fn output_paths() {
    let place = place();
    place.write_idx("data", [2, 2], &[(vec![200; 4], 1)]);
    let certify = "certify --experts experts.toml --data data --n 100 --out";
    let run = place.drs(&format!("{certify} no/such/folder/out.tsv"));
    assert!(!run.stderr.contains(".tmp"), "a name that nobody knows\n{run}");
    run.fails(1, &["cannot write", "out.tsv"]);
    place
        .drs(&format!("{certify} out.jsonl"))
        .fails(2, &["the file of certificates", "such as out.tsv"]);
    let _ = place.drs(&format!("{certify} out.tsv")).succeeds();
    let before = place.read("out.tsv");
    let other = format!("{certify} out.tsv --n0 50");
    place
        .drs(&other)
        .fails(1, &["out.tsv exists", "--overwrite", "protocol.n0: 100 there, 50 asked for"]);
    assert_eq!(place.read("out.tsv"), before, "a refusal changes nothing");
    let _ = place.drs(&format!("{certify} out.tsv --overwrite")).succeeds();
    place.write("other.jsonl", "precious");
    place.drs(&format!("{certify} other.tsv")).fails(1, &["other.jsonl exists"]);
    assert_eq!(place.read("other.jsonl"), "precious");
}

#[test]
fn a_budget_of_memory_is_a_size() {
    let place = place();
    let route = "route --experts experts.toml good.png --n 100";
    place.drs(&format!("{route} --memory much")).fails(2, &["--memory", "much", "4GiB"]);
    place.drs(&format!("--memory 1KiB {route}")).fails(2, &["1KiB", "at least 16.0 MiB"]);
    let _ = place.drs(&format!("{route} --memory 64MiB")).succeeds();
    let drs = drs_tests::built().join("drs");
    let run = place.shell(&format!("DRS_MEMORY=lots exec {} {route}", drs.display()));
    run.fails(2, &["DRS_MEMORY: \"lots\" found", "4GiB"]);
}

#[test]
fn data_sets_that_cannot_be_used() {
    let place = place();
    let certify = |more: &str| {
        place.drs(&format!("certify --experts experts.toml --n 100 --out out.tsv {more}"))
    };
    certify("--data absent").fails(1, &["absent", "no such folder"]);
    certify("--data .").fails(1, &["without class folders"]);
    place.write_idx("data", [2, 2], &[(vec![200; 4], 1)]);
    certify("--data data --method one:nobody").fails(2, &["one:nobody", "near, far"]);
    certify("--data data --start 5").fails(2, &["--start 5", "has 1"]);
    certify("--data data --split train").fails(1, &["train-images"]);
    for option in ["--corruption fog", "--severity 3", "--configuration plain"] {
        let words = [option.split(' ').next().unwrap(), "this data does not have"];
        certify(&format!("--data data {option}")).fails(2, &words);
    }
    place.write_idx("small", [1, 2], &[(vec![200; 2], 1)]);
    certify("--data small").fails(1, &["1x1x2", "1x2x2"]);
    assert!(!place.path("out.tsv").exists(), "nothing is written before the data set is open");
}

#[test]
fn routing_without_a_router() {
    let place = place();
    place.write("experts.toml", Halfspaces { router: None, ..Halfspaces::pair() }.toml());
    for command in [
        "route --experts experts.toml good.png",
        "certify --experts experts.toml --data data --out out.tsv",
    ] {
        place.write_idx("data", [2, 2], &[(vec![200; 4], 1)]);
        place
            .drs(command)
            .fails(2, &["2 experts and no router", "multiscale, one:near or one:far"]);
        place.drs(&format!("{command} --method maxmin")).fails(
            2,
            &["maxmin needs a router", "--method may be multiscale, one:near or one:far"],
        );
        let _ = place.drs(&format!("{command} --method multiscale --n 100")).succeeds();
    }
}

/// The pool says all that is to be said: no option is needed.
#[test]
fn one_expert_alone_is_the_method() {
    let place = place();
    let mut pool = Halfspaces { router: None, ..Halfspaces::pair() };
    pool.experts.truncate(1);
    place.write("experts.toml", pool.toml());
    place.write_idx("data", [2, 2], &[(vec![200; 4], 1)]);
    let run = place.drs(&format!("{ROUTE} good.png"));
    assert!(run.stderr.contains("--method one:near is taken"), "{run}");
    let said = run.succeeds();
    assert!(said.contains("one:near;"), "{said}");
    let run = place.drs("certify --experts experts.toml --data data --out out.tsv --n 200");
    assert!(run.stderr.contains("--method one:near is taken"), "{run}");
    let _ = run.succeeds();
    assert!(place.read("out.jsonl").contains("\"method\":\"one:near\""));
    let predicted = place.drs(&format!("{ROUTE} good.png --predict --json")).succeeds();
    assert!(predicted.contains("\"method\":\"one:near\""), "{predicted}");
}

#[test]
fn a_router_with_too_small_a_sigma_is_a_warning() {
    let place = place();
    let pool = Halfspaces { router: Some((0.25, 1, vec![127.5])), ..Halfspaces::pair() };
    place.write("experts.toml", pool.toml());
    let run = place.drs(&format!("{ROUTE} good.png"));
    assert_eq!(run.code, 0, "{run}");
    assert!(run.stderr.contains("warning") && run.stderr.contains("50 %"), "{run}");
}

#[test]
fn onnx_models_that_cannot_vote_are_told_when_they_are_opened() {
    let models = root().join("experts/onnx/tests/models");
    for (model, words) in [
        ("two_outputs", &["2 outputs found (logits [batch, 4] float32; flat [batch, 1]"][..]),
        ("one_row", &["does not run on 2 inputs at once", "torch.rand(2, 1, 4, 4)", "Dim("]),
    ] {
        let place = Place::new();
        let path = models.join(format!("{model}.onnx"));
        place.write(
            "experts.toml",
            format!("[input]\nshape = [1, 4, 4]\nquantum = \"1/255\"\n[[expert]]\nname = \"e\"\nplugin = \"onnx\"\nconfig = {{ model = {path:?} }}\n"),
        );
        place.write_idx("data", [4, 4], &[(vec![9; 16], 1)]);
        let named = [&format!("{model}.onnx")[..]];
        let run = "certify --experts experts.toml --data data --out out.tsv --n 100";
        place.drs(run).fails(1, &[&named, words].concat());
    }
}
