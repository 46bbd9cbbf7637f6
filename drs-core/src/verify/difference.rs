//! Where two records part.

use serde::Serialize;
use serde_json::Value;

use super::Rejection;

/// The first field in which `found` is not as `expected`, by its path; `None` if they are
/// written alike.
#[must_use]
pub fn difference<T: Serialize + ?Sized>(found: &T, expected: &T) -> Option<Rejection> {
    let written = |value: &T| serde_json::to_value(value).ok();
    first("", &written(found)?, &written(expected)?)
}

fn first(path: &str, found: &Value, expected: &Value) -> Option<Rejection> {
    match (found, expected) {
        _ if found == expected => None,
        (Value::Object(own), Value::Object(other)) => {
            let at = |key: &str| {
                if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
            };
            let missing = other.keys().find(|key| !own.contains_key(*key));
            if let Some(key) = missing {
                return Some(Rejection::new(at(key), "nothing", shown(&other[key])));
            }
            // A digest over other fields tells less than they do.
            let (digests, plain): (Vec<_>, Vec<_>) =
                own.iter().partition(|(key, _)| key.ends_with("_sha256"));
            plain.into_iter().chain(digests).find_map(|(key, value)| match other.get(key) {
                Some(other) => first(&at(key), value, other),
                None => Some(Rejection::new(at(key), shown(value), "no such field")),
            })
        }
        (Value::Array(own), Value::Array(other)) => {
            let items = own.iter().zip(other).enumerate();
            let inside = items
                .into_iter()
                .find_map(|(index, (own, other))| first(&item(path, index, own), own, other));
            inside.or_else(|| {
                let entries = |count| format!("{count} entries");
                Some(Rejection::new(path, entries(own.len()), entries(other.len())))
            })
        }
        _ => Some(Rejection::new(path, shown(found), shown(expected))),
    }
}

/// The path of an entry of a list: a file by its name, which tells more than its place.
#[must_use]
pub fn item(path: &str, index: usize, value: &Value) -> String {
    let file =
        value.as_object().filter(|fields| fields.len() == 2 && fields.contains_key("sha256"));
    match file.and_then(|fields| fields.get("name")).and_then(Value::as_str) {
        Some(name) => format!("{path}[{name}]"),
        None => format!("{path}[{index}]"),
    }
}

/// A value as JSON, cut where it is long.
fn shown(value: &Value) -> String {
    const MOST: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(found: Value, expected: Value) -> String {
        difference(&found, &expected).map_or_else(String::new, |rejection| rejection.to_string())
    }

    #[test]
    fn the_first_field_is_named_with_its_path() {
        let record = json!({"a": [{"b": 1.0}, {"b": 2.0}], "c": null});
        assert_eq!(told(record.clone(), record.clone()), "");
        let mut other = record.clone();
        other["a"][1]["b"] = json!(3.0);
        assert_eq!(told(record.clone(), other), "a[1].b: 2.0, expected 3.0");
        let mut longer = record.clone();
        longer["a"] = json!([{"b": 1.0}]);
        assert_eq!(told(record.clone(), longer), "a: 2 entries, expected 1 entries");
        let mut fewer = record.clone();
        fewer.as_object_mut().unwrap().remove("c");
        assert_eq!(told(record.clone(), fewer.clone()), "c: null, expected no such field");
        assert_eq!(told(fewer, record), "c: nothing, expected null");
    }

    #[test]
    fn files_are_named() {
        let files = |sha256: &str| json!({"files": [{"name": "m.data", "sha256": sha256}]});
        let expected = "files[m.data].sha256: \"a\", expected \"b\"";
        assert_eq!(told(files("a"), files("b")), expected);
    }

    #[test]
    fn digests_come_after_what_they_are_of() {
        let model = |sha256: &str, sigma: f64| json!({"config_sha256": sha256, "sigma": sigma});
        assert_eq!(told(model("a", 0.5), model("b", 0.25)), "sigma: 0.5, expected 0.25");
        let expected = "config_sha256: \"a\", expected \"b\"";
        assert_eq!(told(model("a", 0.5), model("b", 0.5)), expected);
    }

    #[test]
    fn long_values_are_cut() {
        let long = json!({"a": "ä".repeat(200)});
        assert!(told(long, json!({"a": 1})).len() < 220);
    }
}
