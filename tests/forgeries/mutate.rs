//! Records changed at random, as JSON: what a hand or a fault may do to a line.

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

/// A step of a path into a value.
#[derive(Debug, Clone)]
enum Step {
    Key(String),
    Index(usize),
}

type Path = Vec<Step>;

/// Changes a record once; `others` are records to take parts from.
pub(crate) fn mutate(record: &mut Value, others: &[Value], rng: &mut StdRng) {
    match rng.random_range(0..15) {
        0..=2 => number(record, rng),
        3 => moved(record, rng),
        4 => added(record, rng),
        5 => array(record, rng, |items, rng| drop(items.remove(rng.random_range(0..items.len())))),
        6 => array(record, rng, |items, rng| {
            let place = rng.random_range(0..items.len());
            items.insert(place, items[place].clone());
        }),
        7 => array(record, rng, |items, rng| {
            let [a, b] = [(); 2].map(|()| rng.random_range(0..items.len()));
            items.swap(a, b);
        }),
        8 => text(record, rng),
        9 => removed(record, rng),
        10 => transplant(record, others, rng),
        11 => protocol(record, rng),
        12 => looks(record, rng),
        13 => record["cut"] = json!(!record["cut"].as_bool().unwrap_or(false)),
        _ => claim(record, rng),
    }
}

fn pick<T: Clone>(items: &[T], rng: &mut StdRng) -> Option<T> {
    (!items.is_empty()).then(|| items[rng.random_range(0..items.len())].clone())
}

fn paths(value: &Value, wanted: &dyn Fn(&Value) -> bool) -> Vec<Path> {
    fn walk(value: &Value, at: &mut Path, wanted: &dyn Fn(&Value) -> bool, found: &mut Vec<Path>) {
        if wanted(value) {
            found.push(at.clone());
        }
        let steps: Vec<(Step, &Value)> = match value {
            Value::Object(map) => map.iter().map(|(k, v)| (Step::Key(k.clone()), v)).collect(),
            Value::Array(items) => {
                items.iter().enumerate().map(|(i, v)| (Step::Index(i), v)).collect()
            }
            _ => Vec::new(),
        };
        for (step, value) in steps {
            at.push(step);
            walk(value, at, wanted, found);
            at.pop();
        }
    }
    let mut found = Vec::new();
    walk(value, &mut Vec::new(), wanted, &mut found);
    found
}

fn at<'v>(value: &'v mut Value, path: &[Step]) -> &'v mut Value {
    path.iter().fold(value, |value, step| match step {
        Step::Key(key) => &mut value[key.as_str()],
        Step::Index(index) => &mut value[*index],
    })
}

/// One number, anywhere.
fn number(record: &mut Value, rng: &mut StdRng) {
    let Some(path) = pick(&paths(record, &Value::is_number), rng) else { return };
    let value = at(record, &path);
    let whole = value.as_u64();
    let old = value.as_f64().unwrap_or(0.0);
    *value = match (rng.random_range(0..13), whole) {
        (0, Some(n)) => json!(n.saturating_add(1)),
        (1, Some(n)) => json!(n.saturating_sub(1)),
        (2, Some(n)) => json!(n.saturating_mul(2)),
        (3, Some(_)) => json!(u64::MAX),
        (4, Some(n)) => json!(n.saturating_add(1_000_000_000_000)),
        (5, _) => json!(0),
        (6, _) => json!(-1),
        (7, _) => json!(1e308),
        (8, _) => json!(-old),
        (9, _) => json!(old * (1.0 + 1e-9)),
        (10, _) => json!(old * 0.5),
        (11, _) => json!(f64::from_bits(old.to_bits() ^ (1 << rng.random_range(0..64)))),
        (_, _) => json!(old + 0.01),
    };
}

/// Votes from one class to another: in one look, or in it and all later ones.
fn moved(record: &mut Value, rng: &mut StdRng) {
    let later: bool = rng.random();
    stage(record, rng, |looks, from, rng| {
        let classes = looks[from].as_array().map_or(0, Vec::len);
        if classes < 2 {
            return;
        }
        let (loser, winner) = (rng.random_range(0..classes), rng.random_range(0..classes));
        let most = looks[from][loser].as_u64().unwrap_or(0);
        let votes = rng.random_range(0..=most);
        let upto = if later { looks.len() } else { from + 1 };
        for look in &mut looks[from..upto] {
            let [less, more] = [loser, winner].map(|class| look[class].as_u64().unwrap_or(0));
            // An earlier change may have left this look with fewer classes.
            let there = |class: usize| look.get(class).is_some();
            if loser != winner && there(loser) && there(winner) {
                look[loser] = json!(less.saturating_sub(votes));
                look[winner] = json!(more.saturating_add(votes));
            }
        }
    });
}

/// Votes that nobody cast.
fn added(record: &mut Value, rng: &mut StdRng) {
    stage(record, rng, |looks, from, rng| {
        let classes = looks[from].as_array().map_or(1, Vec::len);
        let (class, votes) = (rng.random_range(0..classes.max(1)), rng.random_range(1..1000u64));
        for look in &mut looks[from..] {
            if let Some(count) = look.get_mut(class) {
                *count = json!(count.as_u64().unwrap_or(0).saturating_add(votes));
            }
        }
    });
}

/// A look left out, or seen twice.
fn looks(record: &mut Value, rng: &mut StdRng) {
    stage(record, rng, |looks, place, rng| match rng.random_range(0..3) {
        0 => drop(looks.remove(place)),
        1 => looks.truncate(place + 1),
        _ => looks.insert(place, looks[place].clone()),
    });
}

fn stage(
    record: &mut Value,
    rng: &mut StdRng,
    change: impl FnOnce(&mut Vec<Value>, usize, &mut StdRng),
) {
    let Some(stages) = record["stages"].as_array_mut().filter(|stages| !stages.is_empty()) else {
        return;
    };
    let place = rng.random_range(0..stages.len());
    if let Some(looks) = stages[place]["looks"].as_array_mut().filter(|looks| !looks.is_empty()) {
        let place = rng.random_range(0..looks.len());
        change(looks, place, rng);
    }
}

fn array(record: &mut Value, rng: &mut StdRng, change: impl FnOnce(&mut Vec<Value>, &mut StdRng)) {
    let full = |value: &Value| value.as_array().is_some_and(|items| !items.is_empty());
    let Some(path) = pick(&paths(record, &full), rng) else { return };
    if let Some(items) = at(record, &path).as_array_mut() {
        change(items, rng);
    }
}

/// One text: a digest, a name, a method.
fn text(record: &mut Value, rng: &mut StdRng) {
    let all = paths(record, &Value::is_string);
    let (Some(path), Some(other)) = (pick(&all, rng), pick(&all, rng)) else { return };
    let other = at(record, &other).clone();
    let value = at(record, &path);
    let old = value.as_str().unwrap_or_default().to_owned();
    *value = match rng.random_range(0..5) {
        0 => other,
        1 => json!(""),
        2 => json!(old.chars().rev().collect::<String>()),
        3 => json!(old.chars().skip(1).collect::<String>()),
        _ => {
            let methods = ["dual", "set", "maxmin", "multiscale", "blend", "one:near", "one:far"];
            json!(methods[rng.random_range(0..methods.len())])
        }
    };
}

/// A field left out.
fn removed(record: &mut Value, rng: &mut StdRng) {
    let full = |value: &Value| value.as_object().is_some_and(|map| !map.is_empty());
    let Some(path) = pick(&paths(record, &full), rng) else { return };
    if let Some(map) = at(record, &path).as_object_mut() {
        let keys: Vec<String> = map.keys().cloned().collect();
        let key = pick(&keys, rng).unwrap_or_default();
        map.remove(&key);
        if rng.random() {
            map.insert(format!("{key}s"), json!(1));
        }
    }
}

/// A part of another record in the place of this one's.
fn transplant(record: &mut Value, others: &[Value], rng: &mut StdRng) {
    let Some(other) = pick(others, rng) else { return };
    let keys: Vec<String> =
        other.as_object().into_iter().flat_map(|map| map.keys().cloned()).collect();
    if let Some(key) = pick(&keys, rng) {
        record[key.as_str()] = other[key.as_str()].clone();
    }
}

/// Another question or another level than was asked for.
fn protocol(record: &mut Value, rng: &mut StdRng) {
    let protocol = &mut record["protocol"];
    match rng.random_range(0..8) {
        0 => protocol["sampling"] = json!("fixed"),
        7 => {
            let kinds = ["all", "clear"];
            if let Some(sequential) = protocol["sampling"].get_mut("sequential") {
                sequential["selection"] = json!(kinds[rng.random_range(0..2)]);
            }
        }
        1 => {
            protocol["sampling"] = json!({"sequential": {"schedule": {"first": 50, "growth": 2.0, "last": 0.5}, "stopping": "full", "futility": 0.0}});
        }
        2 => protocol["alpha"] = json!(rng.random_range(0.0..1.0)),
        3 => protocol["n"] = json!(rng.random_range(0..1000u64)),
        4 => protocol["n0"] = json!(rng.random_range(0..200u64)),
        5 => protocol["bounding"] = json!(["one-sided", "two-sided"][rng.random_range(0..2)]),
        _ => {
            let names = ["route", "next_set", "next_expert", "others", "next_scale"];
            let name = names[rng.random_range(0..names.len())];
            protocol["split"][name] = json!(rng.random_range(0.0..1.0));
        }
    }
}

/// A larger radius, another class, another set.
fn claim(record: &mut Value, rng: &mut StdRng) {
    let verdict = &mut record["verdict"];
    let radius = verdict["radius"].as_f64().unwrap_or(0.0);
    let class = verdict["class"].as_u64();
    match rng.random_range(0..4) {
        0 => verdict["radius"] = json!(radius * rng.random_range(1.0..2.0) + 1e-12),
        1 => verdict["class"] = json!(class.map_or(0, |class| class.saturating_add(1))),
        2 => verdict["set"] = json!([rng.random_range(0..4u64)]),
        _ => {
            let more = json!(radius + rng.random_range(0.0..0.1));
            (verdict["radius"], verdict["class_radius"]) = (more.clone(), more);
        }
    }
}
