//! The whole recipe through the real program: fine-tuning, rounds, choosing, sharing.

use drs_tests::{Halfspaces, Place, built_torch};

const INPUTS: usize = 160;

/// The analytic pair, inputs around its thresholds, and an expert to fine-tune.
fn place() -> Place {
    built_torch();
    let place = Place::new();
    place.write("experts.toml", Halfspaces { router: None, ..Halfspaces::pair() }.toml());
    let value = |i: usize| (60 + (i * 37) % 100) as u8;
    let input = |i: usize| {
        let values = vec![value(i), (88 + (i * 53) % 80) as u8, (i / 100) as u8, 0];
        (values, u8::from(value(i) > 110))
    };
    place.write_idx("data", [2, 2], &(0..INPUTS).map(input).collect::<Vec<_>>());
    place.write("expert.toml", format!("sigma = 0.25\n{EXPERT}\n[input]\n{INPUT}\n"));
    place
}

const INPUT: &str = "shape = [1, 2, 2]\nquantum = \"1/255\"";

const EXPERT: &str = r#"
arch = "small_cnn"
data = { path = "data", split = "test", hold_out = 40, classes = ["low", "high"] }
train = { epochs = 2, batch = 32, seed = 1, optimiser = { kind = "adamw", lr = 0.003 } }
"#;

const ROUTER: &str = r#"
hold_out = 40
arch = "small_cnn"
sigma = 0.5
objective = { kind = "paper", consistency = { lambda = 1.0, eta = 0.5 } }
select = { radii = [0.0, 0.1, 0.2], draws = 20 }
train = { epochs = 2, batch = 32, seed = 1, patience = 2, optimiser = { kind = "adamw", lr = 0.003 } }
"#;

fn names(toml: &str) -> Vec<String> {
    let names = toml.lines().filter_map(|line| line.strip_prefix("name = "));
    names.map(|name| name.trim_matches('"').to_owned()).collect()
}

/// The values in a run's model; the order of notes before them is any.
fn tensors(place: &Place, run: &str) -> Vec<u8> {
    let bytes = std::fs::read(place.path(&format!("{run}/model.safetensors"))).unwrap();
    let notes = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    bytes[8 + usize::try_from(notes).unwrap()..].to_vec()
}

/// Learns nothing, so that it is wrong on some inputs.
const IDLE: &str = "--set train.epochs=1 --set train.optimiser.lr=1e-9";

fn recipe(rounds: usize, init: &str) -> String {
    format!(
        "experts = 'experts.toml'\nrounds = {rounds}\ninit = {init}\nadaptive = {{ draws = 4 }}\n[label]\ndata = 'data'\nsplit = 'test'\n[router]\n{ROUTER}\n[expert]\n{EXPERT}"
    )
}

#[test]
fn rounds_follow_each_other_and_go_on_where_they_stopped() {
    let place = place();
    let _ = place.drs("train expert expert.toml --out start").succeeds();
    place.write("recipe.toml", recipe(0, "'start/model.safetensors'"));
    let _ = place.drs("train iterate recipe.toml --out runs").succeeds();
    let first = place.read("runs/round-0/experts.toml");
    assert!(first.contains("round-0/router/model.safetensors"), "{first}");

    // A round more.
    place.write("recipe.toml", recipe(1, "'start/model.safetensors'"));
    let _ = place.drs("train iterate recipe.toml --out runs").succeeds();
    assert_eq!(place.read("runs/round-0/experts.toml"), first);
    let second = place.read("runs/round-1/experts.toml");
    assert_eq!(second.matches("round-1/expert/model.safetensors").count(), 2, "{second}");
    let said = place
        .drs("certify --experts runs/round-1/experts.toml --data data --out o.tsv --max 10 --n 200")
        .succeeds();
    assert!(said.contains("10 inputs"), "{said}");

    // Stopped in the middle of the second round: the same in the end.
    let models =
        || ["expert", "router"].map(|name| tensors(&place, &format!("runs/round-1/{name}")));
    let before = models();
    for folder in ["labels", "router"] {
        std::fs::remove_dir_all(place.path(&format!("runs/round-1/{folder}"))).unwrap();
    }
    let _ = place.drs("train iterate recipe.toml --out runs").succeeds();
    assert!(models() == before);

    place
        .drs("train iterate recipe.toml --set label.draws=50 --out runs")
        .fails(1, &["runs has runs with other settings", "settings.toml"]);
}

#[test]
fn each_expert_may_be_fine_tuned_for_its_own_inputs() {
    let place = place();
    let _ = place.drs(&format!("train expert expert.toml {IDLE} --out start")).succeeds();
    let far = names(&place.read("experts.toml"))[1].clone();
    place.write("recipe.toml", recipe(1, &format!("{{ {far} = 'start/model.safetensors' }}")));
    let idle = "--set expert.train.optimiser.lr=1e-9";
    let _ = place.drs(&format!("train iterate recipe.toml {idle} --out runs")).succeeds();
    let pool = place.read("runs/round-1/experts.toml");
    assert_eq!(pool.matches(&format!("round-1/{far}/model.safetensors")).count(), 1, "{pool}");
    let settings = place.read(&format!("runs/round-1/{far}/settings.toml"));
    assert!(settings.contains(&format!("expert = \"{far}\"")), "{settings}");
    place.write("recipe.toml", recipe(1, "{ nobody = 'start/model.safetensors' }"));
    place.drs("train iterate recipe.toml --out other").fails(1, &["nobody is no expert"]);
}

/// The near one of the pair and a network that is far from good, with labels of their
/// votes and settings for routers.
fn networks() -> (Place, String) {
    let place = place();
    let _ =
        place.drs(&format!("train expert expert.toml --set sigma=0.5 {IDLE} --out far")).succeeds();
    let pair = place.read("experts.toml");
    let near = pair.rsplit_once("[[expert]]").unwrap().0;
    let pool = format!("{near}{}", expert("far", "far/model.safetensors"));
    place.write("pool.toml", &pool);
    let _ = place
        .drs("train label --experts pool.toml --data data --split test --out labels")
        .succeeds();
    place.write("router.toml", format!("labels = 'labels'\n{ROUTER}\n[input]\n{INPUT}\n"));
    (place, pool)
}

fn expert(name: &str, model: &str) -> String {
    format!(
        "[[expert]]\nname = '{name}'\nplugin = 'torch'\nconfig = {{ kind = 'checkpoint', model = '{model}' }}\n"
    )
}

#[test]
fn a_router_shares_an_expert_s_network_and_noise() {
    let (place, pool) = networks();
    let head = "train router router.toml --set init='far/model.safetensors' --set freeze=true";
    let _ = place.drs(&format!("{head} --out head")).succeeds();
    let join = "train join far/model.safetensors --router";
    let _ = place.drs(&format!("{join} head/model.safetensors --out joint.safetensors")).succeeds();
    let joint = pool.replace("far/model.safetensors", "joint.safetensors");
    let joint = joint.replacen("[[expert]]", "[router]\nshares = 'far'\n[[expert]]", 1);
    place.write("joint.toml", &joint);

    // The expert's own votes are what they were, draw by draw.
    let certify = "certify --data data --method one:far --n 300 --max 30 --seed 5";
    let _ = place.drs(&format!("{certify} --experts pool.toml --out plain.tsv")).succeeds();
    let _ = place.drs(&format!("{certify} --experts joint.toml --out shared.tsv")).succeeds();
    let stages = |file: &str| -> Vec<serde_json::Value> {
        let rows = place.read(file);
        let rows = rows.lines().map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap());
        rows.map(|row| row["certificate"]["stages"].clone()).collect()
    };
    let plain = stages("plain.jsonl");
    assert!(plain.len() == 30 && plain.iter().all(serde_json::Value::is_array), "{plain:?}");
    assert_eq!(plain, stages("shared.jsonl"));

    // And a certificate of both stages stands.
    for method in ["dual", "maxmin"] {
        let said = place
            .drs(&format!("certify --experts joint.toml --data data --method {method} --n 300 --max 30 --out {method}.tsv"))
            .succeeds();
        assert!(said.contains("30 inputs"), "{said}");
    }
    // A router that is no head on it.
    let _ = place.drs("train router router.toml --out own").succeeds();
    place
        .drs(&format!("{join} own/model.safetensors --out no.safetensors"))
        .fails(1, &["own/model.safetensors", "freeze = true"]);
    place
        .drs(&format!("{join} head/model.safetensors --classes low --out no.safetensors"))
        .fails(1, &["1 class names for 2 classes"]);
    place.write("wrong.toml", joint.replace("joint.safetensors", "far/model.safetensors"));
    place
        .drs("certify --experts wrong.toml --data data --out no.tsv")
        .fails(1, &["expert far", "EXPERT/CLASS"]);
}

#[test]
fn confidence_routes_without_training() {
    let (place, pool) = networks();
    let classes = place
        .drs("train join far/model.safetensors --thresholds 0.8 --experts near,far --out far.pt")
        .succeeds();
    assert_eq!(
        classes.trim(),
        "classes = [\"near/low\", \"near/high\", \"far/low\", \"far/high\"]"
    );
    let own = "kind = 'checkpoint', model = 'far/model.safetensors'";
    assert!(pool.contains(own));
    let traced = format!("kind = 'torchscript', model = 'far.pt', sigma = 0.5, {}", classes.trim());
    let joint = pool.replace(own, &traced);
    place.write(
        "joint.toml",
        joint.replacen("[[expert]]", "[router]\nshares = 'far'\n[[expert]]", 1),
    );
    let said = place
        .drs("certify --experts joint.toml --data data --n 300 --max 30 --out o.tsv")
        .succeeds();
    assert!(said.contains("30 inputs"), "{said}");
    // An expert that has hardly learned is never so sure: its copies go to the near one.
    for row in place.read("o.jsonl").lines() {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        let stages = row["certificate"]["stages"].as_array().unwrap();
        let router = stages.iter().find(|stage| stage["model"] == "router").unwrap();
        assert_eq!(router["looks"][0], serde_json::json!([100, 0]));
    }
    for (change, words) in [("0.8,0.2", "rising"), ("0.5,0.8", "2 experts found, expected 3")] {
        place
            .drs(&format!(
                "train join far/model.safetensors --thresholds {change} --experts near,far --out no.pt"
            ))
            .fails(1, &[words]);
    }
}

#[test]
fn terms_are_chosen_on_held_out_inputs_of_the_same_models() {
    let (place, pool) = networks();
    let _ = place.drs("train router router.toml --out router").succeeds();
    let choose = "train choose router --tries 200 --draws 20";
    let said = place.drs(&format!("{choose} --experts pool.toml --out chosen.toml")).succeeds();
    let merit: f64 = said.split_whitespace().nth(1).unwrap().parse().unwrap();
    let history: Vec<serde_json::Value> =
        serde_json::from_str(&place.read("router/summary.json")).unwrap();
    let envelope = history[0]["envelope_mean"].as_f64().unwrap();
    // The best expert at every radius is among what it begins with, but for α.
    assert!(merit > envelope - 0.1 && merit <= 1.0, "{said}, envelope {envelope}");
    assert!(place.read("chosen.toml").contains("[[blend]]"));
    // Ten draws certify nothing, however they fall.
    let few = place.drs(&format!("{choose} --n 10 --experts pool.toml --out few.toml")).succeeds();
    assert!(few.contains("merit 0.0000") && few.contains("those of 10\n"), "{few}");
    let certified = place
        .drs(
            "certify --experts chosen.toml --data data --method blend --n 300 --max 30 --out o.tsv",
        )
        .succeeds();
    assert!(certified.contains("30 inputs"), "{certified}");

    let _ = place.drs("train expert expert.toml --set sigma=0.5 --out other").succeeds();
    place.write("other.toml", pool.replace("far/model.safetensors", "other/model.safetensors"));
    place
        .drs(&format!("{choose} --experts other.toml --out no.toml"))
        .fails(1, &["expert far", "votes of another model"]);
}

#[test]
fn shards_together_are_the_whole() {
    let place = place();
    let label = "train label --experts experts.toml --data data --split test --draws 20 --seed 3";
    let _ = place.drs(&format!("{label} --out whole")).succeeds();
    for shard in ["1/2", "2/2"] {
        let _ = place.drs(&format!("{label} --out parts --shard {shard}")).succeeds();
    }
    let part =
        |folder: &str| std::fs::read(place.path(&format!("{folder}/part-000000.npz"))).unwrap();
    assert_eq!(part("whole"), part("parts"));
    place.drs(&format!("{label} --out parts --shard 3/2")).fails(2, &["expected I/N"]);
}

#[test]
fn what_cannot_be_learned_is_told() {
    let place = place();
    let two = |labels: [u8; 2]| -> Vec<(Vec<u8>, u8)> {
        (0..60).map(|i| (vec![i as u8, 7, 9, 0], labels[usize::from(i % 2 == 1)])).collect()
    };
    place.write_idx("one", [2, 2], &two([1, 1]));
    place.write_idx("gap", [2, 2], &two([0, 2]));
    // With names for three classes the labels of "gap" are possible, but one is never there.
    let three = "data.classes=[\"low\",\"middle\",\"high\"]";
    for (set, words) in [
        ("data.path=one".to_owned(), "all inputs have the label 1"),
        ("data.path=gap".to_owned(), "label 2, expected 0 to 1"),
        (format!("data.path=gap --set {three}"), "no input has the label 1"),
    ] {
        place.drs(&format!("train expert expert.toml --set {set} --out o")).fails(1, &[words]);
    }
    // One expert twice: the first is always the best.
    let toml = place.read("experts.toml");
    let name = names(&toml)[1].clone();
    let table = toml.split("[[expert]]").nth(1).unwrap();
    let input = toml.split("[[expert]]").next().unwrap();
    let twin = table.replacen(&names(&toml)[0], &name, 1);
    place.write("twins.toml", format!("{input}[[expert]]{table}[[expert]]{twin}"));
    let _ = place
        .drs("train label --experts twins.toml --data data --split test --draws 2000 --out twins")
        .succeeds();
    place.write("router.toml", format!("labels = 'twins'\n{ROUTER}\n[input]\n{INPUT}\n"));
    let run = place.drs("train router router.toml --out o");
    assert!(run.code == 0 || run.stderr.contains("nothing to route"), "{run:?}");
}

/// A limit on the size of files stands for a full disk: both end a write early.
#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_that_names_the_file() {
    let place = place();
    let _ = place.drs("train expert expert.toml --set train.epochs=1 --out whole").succeeds();
    let program = built_torch().join("drs");
    let script = format!(
        "trap '' XFSZ; ulimit -f 16; exec {} train expert expert.toml --out full",
        program.display()
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(place.path("."))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write full/model.safetensors"), "{said}");
    // With room again it goes on.
    let _ = place.drs("train expert expert.toml --out full").succeeds();
}
