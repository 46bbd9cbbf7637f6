//! `drs certify` and the files it writes.

use std::path::Path;

use drs_core::certificate::Certificate;
use drs_tests::{Halfspaces, Place, example, example_images, rows_without_time};

fn halfspace_place() -> Place {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..10u8).map(|i| (vec![25 * i, 120 + i, 0, i], u8::from(25 * i > 110))).collect();
    place.write_idx("data", [2, 2], &inputs);
    place
}

const CERTIFY: &str = "certify --experts experts.toml --data data --n 400 --seed 3";

#[test]
fn the_table_has_the_field_s_columns_first() {
    let place = halfspace_place();
    let summary = place.drs(&format!("{CERTIFY} --out out.tsv")).succeeds();
    assert!(summary.contains("certified accuracy") && summary.contains("10 inputs"), "{summary}");
    let table = place.read("out.tsv");
    let header = "idx\tlabel\tpredict\tradius\tcorrect\ttime\texpert\tsigma\troute_radius\tclass_radius\tdraws\tlatency";
    assert_eq!(table.lines().next(), Some(header));
    assert_eq!(table.lines().count(), 11);
}

#[test]
fn each_row_agrees_with_its_certificate() {
    let place = halfspace_place();
    for method in ["maxmin", "dual", "set", "multiscale", "one:far"] {
        let _ =
            place.drs(&format!("{CERTIFY} --method {method} --out out.tsv --overwrite")).succeeds();
        let (table, records) = (place.read("out.tsv"), place.read("out.jsonl"));
        assert_eq!(records.lines().count(), 10);
        for (row, record) in rows_without_time(&table).iter().zip(records.lines()) {
            let record: serde_json::Value = serde_json::from_str(record).unwrap();
            let certificate: Certificate =
                serde_json::from_value(record["certificate"].clone()).unwrap();
            assert_eq!(certificate.method, method);
            assert_eq!(row[0], record["idx"].to_string());
            let (radius, shown) =
                (certificate.verdict.radius.get(), row[3].parse::<f64>().unwrap());
            assert!(shown <= radius && radius - shown < 1e-6, "{shown} {radius}");
            let predict = certificate.verdict.class.map_or(-1, |class| class as i64);
            assert_eq!(row[2], predict.to_string());
            assert_eq!(record["correct"].as_bool().unwrap(), row[2] == row[1]);
            assert_eq!(row.last().unwrap(), &certificate.draws().to_string());
            let provenance = certificate.provenance.unwrap();
            assert_eq!(provenance.models.len(), 3);
            assert!(provenance.models.iter().all(|model| model.plugin.starts_with("halfspace ")));
        }
    }
}

#[test]
fn subsets_take_the_usual_indices() {
    let place = halfspace_place();
    let _ = place.drs(&format!("{CERTIFY} --start 1 --skip 3 --max 2 --out out.tsv")).succeeds();
    let rows = rows_without_time(&place.read("out.tsv"));
    assert_eq!(rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["1", "4"]);
}

/// The shipped images as an ImageFolder with a folder for each of the ten classes.
fn image_folder(place: &Place) {
    (0..10).for_each(|class| drop(place.write(&format!("images/{class}/.keep"), "")));
    for (path, label) in example_images() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        place.write(&format!("images/{label}/{name}"), std::fs::read(&path).unwrap());
    }
}

#[test]
fn the_same_seed_gives_the_same_files_for_any_threads_and_batch() {
    let place = Place::new();
    image_folder(&place);
    let experts = example().join("experts.toml");
    let run = |name: &str, more: &str| {
        let args = format!(
            "certify --data images --out {name}.tsv --n 150 --n0 40 --seed 11 {more} --experts"
        );
        let _ = place.drs_with(&args, &[&experts]).succeeds();
        let records: Vec<serde_json::Value> = place
            .read(&format!("{name}.jsonl"))
            .lines()
            .map(|line| {
                let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
                for time in ["time", "latency"] {
                    record.as_object_mut().unwrap().remove(time);
                }
                record
            })
            .collect();
        (rows_without_time(&place.read(&format!("{name}.tsv"))), records)
    };
    let reference = run("reference", "--threads 2");
    assert_eq!(reference.0.len(), 20);
    for (name, more) in [
        ("one-thread", "--threads 1 --batch 64"),
        ("small-batch", "--threads 2 --batch 7"),
        ("single", "--threads 2 --batch 1"),
        ("many-threads", "--threads 5 --batch 300"),
    ] {
        assert_eq!(run(name, more), reference, "{name}");
    }
    let args = "certify --data images --out other.tsv --n 150 --n0 40 --seed 12 --experts";
    let _ = place.drs_with(args, &[&experts]).succeeds();
    assert_ne!(rows_without_time(&place.read("other.tsv")), reference.0, "another seed");
}

#[test]
fn an_input_s_result_does_not_depend_on_the_others() {
    let place = Place::new();
    image_folder(&place);
    let experts = example().join("experts.toml");
    let run = |more: &str| {
        let args = "certify --data images --n 400 --seed 4 --out out.tsv --overwrite --experts";
        let args = args.replace("--seed", &format!("{more} --seed"));
        let _ = place.drs_with(&args, &[&experts]).succeeds();
        rows_without_time(&place.read("out.tsv"))
    };
    let whole = run("");
    let (even, odd) = (run("--skip 2"), run("--start 1 --skip 2"));
    let woven: Vec<_> = even.into_iter().zip(odd).flat_map(|(a, b)| [a, b]).collect();
    assert_eq!(woven, whole);
    assert_eq!(run("--start 7 --max 1")[0], whole[7]);
}

#[test]
fn a_run_that_is_killed_leaves_results_that_another_completes() {
    let place = halfspace_place();
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..800u32).map(|i| (vec![(i % 200) as u8, 120, (i / 200) as u8, 0], 0)).collect();
    place.write_idx("many", [2, 2], &inputs);
    let args = |more: &str| {
        format!("certify --experts experts.toml --data many --n 20000 --seed 4 {more}")
    };
    let _ = place.drs(&args("--out whole.tsv")).succeeds();
    let whole = rows_without_time(&place.read("whole.tsv"));

    let mut command = place.command(&args("--out part.tsv --threads 1"), &[]);
    let mut killed = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let lines = || {
        let text = std::fs::read_to_string(place.path("part.tsv")).unwrap_or_default();
        text.lines().count()
    };
    while lines() < 4 && killed.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();

    let part = rows_without_time(&place.read("part.tsv"));
    assert!((3..800).contains(&part.len()), "{} rows before the end", part.len());
    assert_eq!(part, whole[..part.len()]);
    let rest = args(&format!("--out rest.tsv --start {}", part.len()));
    let _ = place.drs(&rest).succeeds();
    assert_eq!(rows_without_time(&place.read("rest.tsv")), whole[part.len()..]);
}

#[test]
fn draws_follow_the_question() {
    let place = halfspace_place();
    let draws = |more: &str| -> u64 {
        let args = "certify --experts experts.toml --data data --n 20000 --seed 3 --method dual";
        let _ = place.drs(&format!("{args} --out out.tsv --overwrite {more}")).succeeds();
        let rows = rows_without_time(&place.read("out.tsv"));
        rows.iter().map(|row| row.last().unwrap().parse::<u64>().unwrap()).sum()
    };
    let (fixed, full) = (draws("--sampling fixed"), draws("--full"));
    let (near, grid, half) = (draws("--tol 0.05"), draws(""), draws("--radius 0.5"));
    assert!(half < grid && grid < full && near <= full, "{half} {grid} {near} {full}");
    assert!(full < fixed, "{full} {fixed}");
    assert!(10 * half < fixed, "{half} of {fixed}");
    let refused = place
        .drs("certify --experts experts.toml --data data --out x.tsv --sampling fixed --radius 1");
    refused.fails(2, &["--radius", "--sampling fixed"]);
    let args = "certify --experts experts.toml --data data --out x.tsv";
    place.drs(&format!("{args} --radius 1 --tol 0.1")).fails(2, &["cannot be used with"]);
    place.drs(&format!("{args} --look-growth 1")).fails(2, &["--look-growth", "from 1.01 to 100"]);
}

#[test]
fn the_shipped_models_recognise_the_shipped_images() {
    let place = Place::new();
    image_folder(&place);
    let experts = example().join("experts.toml");
    let args = "certify --data images --out out.tsv --n 500 --seed 5 --method one:s050 --experts";
    let run = place.drs_with(args, &[Path::new(&experts)]);
    assert!(run.stderr.contains("note: the class folders are numbers"), "{run}");
    let correct =
        rows_without_time(&place.read("out.tsv")).iter().filter(|row| row[4] == "1").count();
    // 85 % of the whole test set; 20 images.
    assert!(correct >= 15, "{correct} of 20");
}

#[test]
fn labels_come_from_a_file_or_there_are_none() {
    let place = Place::new();
    let (pool, data) = (example().join("experts.toml"), example().join("images"));
    let certify = format!(
        "certify --experts {} --data {} --n 200 --seed 3 --max 6 --overwrite",
        pool.display(),
        data.display()
    );
    place.drs(&format!("{certify} --out out.tsv")).fails(1, &["--labels FILE", "--labels none"]);
    let labels = example().join("labels.csv");
    let labelled = format!("{certify} --labels {} --out out.tsv", labels.display());
    assert!(place.drs(&labelled).succeeds().contains("certified accuracy, %"));
    let expected: Vec<String> =
        example_images().iter().take(6).map(|(_, label)| label.to_string()).collect();
    let found = |name: &str| {
        let rows = rows_without_time(&place.read(name));
        rows.into_iter().map(|row| row[1].clone()).collect::<Vec<_>>()
    };
    assert_eq!(found("out.tsv"), expected);
    let summary = place.drs(&format!("{certify} --labels none --out none.tsv")).succeeds();
    assert!(summary.contains("certified, right or wrong, %"), "{summary}");
    assert_eq!(found("none.tsv"), ["-1"; 6]);
    let record: serde_json::Value =
        serde_json::from_str(place.read("none.jsonl").lines().next().unwrap()).unwrap();
    assert!(record["label"].is_null() && record["correct"].is_null());
    for command in ["analyze none.tsv", "plot none.jsonl --out none.svg", "plan out.tsv none.tsv"] {
        place.drs(command).fails(1, &["without a label", "--labels FILE"]);
    }
}

#[test]
fn images_of_other_sizes_are_resized_where_the_pool_says_so() {
    let place = Place::new();
    let toml = Halfspaces::pair().toml();
    image::GrayImage::from_pixel(7, 5, image::Luma([200])).save(place.path("wide.png")).unwrap();
    place.write("experts.toml", &toml);
    let route = "route --experts experts.toml --n 100 --seed 1 --json wide.png";
    place.drs(route).fails(1, &["wide.png", "5x7 (height x width), expected 2x2", "`resize`"]);
    place.write("experts.toml", toml.replace("[input]", "[input]\nresize = { side = 3 }"));
    let resized = place.drs(route).succeeds();
    let digest = |text: &str| -> String {
        let answer: serde_json::Value = serde_json::from_str(text).unwrap();
        answer["certificate"]["provenance"]["input"]["sha256"].as_str().unwrap().to_owned()
    };
    image::GrayImage::from_pixel(2, 2, image::Luma([200])).save(place.path("wide.png")).unwrap();
    place.write("experts.toml", &toml);
    assert_eq!(digest(&resized), digest(&place.drs(route).succeeds()), "an even gray stays it");
}

#[test]
fn a_pool_s_own_terms_need_no_router() {
    let place = halfspace_place();
    place.drs(&format!("{CERTIFY} --method blend --out out.tsv")).fails(2, &["blend needs terms"]);
    let terms =
        "[[blend]]\nweights = { far = 1 }\n[[blend]]\nweights = { near = 2, far = 1 }\ncap = 0.0\n";
    let pool = Halfspaces { router: None, ..Halfspaces::pair() }.toml();
    place.write("experts.toml", format!("{pool}{terms}"));
    let _ = place.drs(&format!("{CERTIFY} --method blend --out out.tsv")).succeeds();
    let _ = place.drs(&format!("{CERTIFY} --method one:far --out far.tsv")).succeeds();
    let (blend, far) = (place.read("out.tsv"), place.read("far.tsv"));
    let rows = rows_without_time(&blend).into_iter().zip(rows_without_time(&far));
    for (blend, far) in rows {
        // α is halved, and near ones may decide where the far one does not.
        let [own, alone] = [&blend[3], &far[3]].map(|radius| radius.parse::<f64>().unwrap());
        assert!(alone == 0.0 || own > 0.0 && own < alone + 0.2, "{blend:?} {far:?}");
    }
    let record: serde_json::Value =
        serde_json::from_str(place.read("out.jsonl").lines().next().unwrap()).unwrap();
    assert_eq!(record["certificate"]["blend"][1]["weights"], serde_json::json!([2, 1]));
    assert!(!blend.contains("router"));
    place.write("experts.toml", format!("{pool}{}route = [\"far\"]\n", terms));
    place
        .drs(&format!("{CERTIFY} --method blend --out o.tsv"))
        .fails(2, &["blend[1]", "no router"]);
}

#[test]
fn times_are_shares_of_the_machine() {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let inputs: Vec<(Vec<u8>, u8)> = (0..150).map(|i| (vec![i, 120, i, 0], 1)).collect();
    place.write_idx("data", [2, 2], &inputs);
    for (name, more) in [("one", "--threads 1"), ("many", "--threads 3"), ("apart", "--isolate")] {
        let begun = std::time::Instant::now();
        let run = "certify --experts experts.toml --data data --n 4000 --sampling fixed --seed 2";
        let _ = place.drs(&format!("{run} --out {name}.tsv {more}")).succeeds();
        let passed = begun.elapsed().as_secs_f64();
        let table = place.read(&format!("{name}.tsv"));
        let column = |name: &str| -> Vec<f64> {
            let place = table.lines().next().unwrap().split('\t').position(|n| n == name).unwrap();
            let field = |line: &str| line.split('\t').nth(place).unwrap().parse().unwrap();
            table.lines().skip(1).map(field).collect()
        };
        let (times, latencies) = (column("time"), column("latency"));
        let [sum, waited]: [f64; 2] = [&times, &latencies].map(|column| column.iter().sum());
        // Printed to the millisecond.
        assert!(sum <= passed + 0.0005 * times.len() as f64, "{name}: {sum} s in {passed} s");
        // Many are under way at once, and each waits for the others.
        assert!(waited > sum, "{name}: {waited} s of waiting, {sum} s of work");
        let records = place.read(&format!("{name}.jsonl"));
        let seconds = |field: &str| -> f64 {
            let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
            records.lines().map(|line| value(line)[field].as_f64().unwrap()).sum()
        };
        assert!(seconds("time") > 0.0 && seconds("time") <= passed, "{name}");
        assert!((seconds("latency") - waited).abs() < 0.0006 * times.len() as f64);
    }
}

/// Sixty inputs on both sides of all thresholds, with labels by whether they are on the high one.
fn sides(place: &Place, label: impl Fn(usize, bool) -> bool) {
    let inputs: Vec<(Vec<u8>, u8)> = (0..60u8)
        .map(|i| {
            let is_high = i % 2 == 1;
            let value = if is_high { 220 } else { 10 } + i / 4;
            (vec![value, 120 + i, 0, i], u8::from(label(usize::from(i), is_high)))
        })
        .collect();
    place.write_idx("data", [2, 2], &inputs);
}

/// Standard error of a run over them.
fn said(place: &Place, method: &str) -> String {
    let run = place.drs(&format!("{CERTIFY} --method {method} --out out.tsv --overwrite"));
    assert_eq!(run.code, 0, "{run}");
    run.stderr
}

#[test]
fn models_that_are_run_otherwise_than_trained_are_suspected() {
    let place = Place::new();
    for method in ["one:near", "maxmin"] {
        // Classes in another order than the labels.
        place.write("experts.toml", Halfspaces::pair().toml());
        sides(&place, |_, is_high| !is_high);
        let told = said(&place, method);
        for word in ["warning: ", "answers are right", "another order", "mean and std"] {
            assert!(told.contains(word), "\"{word}\" in: {told}");
        }
        assert_eq!(told.matches("Usual causes").count(), 1, "{told}");
        // One answer, as without the normalisation that a model expects.
        let mut constant = Halfspaces::pair();
        constant.experts.iter_mut().for_each(|expert| expert.3 = 2000.5);
        place.write("experts.toml", constant.toml());
        sides(&place, |_, is_high| is_high);
        let told = said(&place, method);
        assert!(told.contains("warning: class 0 is the answer for 50 of 50 inputs"), "{told}");
    }
}

#[test]
fn weak_models_and_few_inputs_are_not_suspected() {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    for method in ["one:near", "maxmin"] {
        // Right on two thirds.
        sides(&place, |i, is_high| if i % 6 < 4 { is_high } else { !is_high });
        let told = said(&place, method);
        assert!(!told.contains("Usual causes"), "{told}");
        sides(&place, |_, is_high| !is_high);
        let told = said(&place, &format!("{method} --max 40"));
        assert!(!told.contains("Usual causes"), "{told}");
    }
}
