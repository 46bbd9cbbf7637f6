//! What the names of parquet files tell: the split, and which part of it a file is.

use std::path::{Path, PathBuf};

/// A file of a split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shard {
    path: PathBuf,
    /// `None` if the name is a number alone: the folder is called as the split.
    pub(super) split: Option<String>,
    /// Its place among the split's files, from 0.
    number: Option<usize>,
    /// How many files the split has.
    of: Option<usize>,
}

impl Shard {
    /// `test.parquet`, `test-00000-of-00002.parquet` (a dash and a digest may follow), or
    /// `0000.parquet`.
    pub(super) fn of(path: PathBuf) -> Self {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let digits = |text: &str| -> Option<usize> {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            text[..end].parse().ok().filter(|_| end == text.len() || text[end..].starts_with('-'))
        };
        let number = |text: &str| text.parse::<usize>().ok();
        let (split, number, of) = match stem.split_once("-of-") {
            Some((before, after)) => match (before.rsplit_once('-'), digits(after)) {
                (Some((split, place)), Some(of)) if number(place).is_some() => {
                    (Some(split.to_owned()), number(place), Some(of))
                }
                _ => (Some(stem), None, None),
            },
            None if number(&stem).is_some() => (None, number(&stem), None),
            None => (Some(stem), None, None),
        };
        Self { path, split, number, of }
    }

    /// The paths of all shards of a split, of which none may be missing: the index of every
    /// later input would be another one.
    pub(super) fn in_order(shards: &[Self]) -> Result<Vec<PathBuf>, String> {
        let mut shards = shards.to_vec();
        shards.sort_by(|a, b| (a.number, &a.path).cmp(&(b.number, &b.path)));
        let names = || {
            let name = |shard: &Self| {
                shard.path.file_name().map(Path::new).map(Path::display).map(|n| n.to_string())
            };
            shards.iter().filter_map(name).collect::<Vec<_>>().join(", ")
        };
        let numbers: Vec<Option<usize>> = shards.iter().map(|shard| shard.number).collect();
        let of = shards.iter().find_map(|shard| shard.of);
        match of {
            // Names without a number: there is one, or they say nothing of their order.
            None if numbers.iter().any(Option::is_none) && shards.len() > 1 => {
                return Err(format!("several files found ({}): name one", names()));
            }
            Some(of) => {
                let missing: Vec<String> = (0..of.min(1 << 20))
                    .filter(|place| !numbers.contains(&Some(*place)))
                    .map(|place| place.to_string())
                    .collect();
                if !missing.is_empty() {
                    let all = of - 1;
                    return Err(format!(
                        "{} of {of} files found, numbers {} of 0 to {all} are missing: fetch them, or name one file",
                        shards.len(),
                        missing.join(", ")
                    ));
                }
                if shards.len() != of || shards.iter().any(|shard| shard.of != Some(of)) {
                    return Err(format!("files of several versions found ({}): keep one", names()));
                }
            }
            None => {}
        }
        Ok(shards.into_iter().map(|shard| shard.path).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(names: &[&str]) -> Result<Vec<PathBuf>, String> {
        let shards: Vec<Shard> = names.iter().map(|name| Shard::of(PathBuf::from(name))).collect();
        Shard::in_order(&shards)
    }

    #[test]
    fn names_tell_split_and_place() {
        let cases = [
            ("test.parquet", Some("test"), None, None),
            ("train-00001-of-00014.parquet", Some("train"), Some(1), Some(14)),
            ("train-00000-of-00001-a09b.parquet", Some("train"), Some(0), Some(1)),
            ("fine-tune-00000-of-00001.parquet", Some("fine-tune"), Some(0), Some(1)),
            ("0003.parquet", None, Some(3), None),
            ("best-of-all.parquet", Some("best-of-all"), None, None),
        ];
        for (name, split, number, of) in cases {
            let shard = Shard::of(PathBuf::from(name));
            assert_eq!(
                (shard.split.as_deref(), shard.number, shard.of),
                (split, number, of),
                "{name}"
            );
        }
    }

    #[test]
    fn shards_come_by_number_and_none_is_missing() {
        let in_order = order(&["t-00001-of-00002.parquet", "t-00000-of-00002.parquet"]).unwrap();
        assert_eq!(in_order[0], Path::new("t-00000-of-00002.parquet"));
        assert_eq!(order(&["10.parquet", "9.parquet"]).unwrap()[0], Path::new("9.parquet"));
        let error = order(&["t-00001-of-00003.parquet"]).unwrap_err();
        assert!(error.contains("1 of 3 files found, numbers 0, 2 of 0 to 2"), "{error}");
        let twice = ["t-00000-of-00001-a.parquet", "t-00000-of-00001-b.parquet"];
        assert!(order(&twice).unwrap_err().contains("several versions"));
        let two = ["t-00000-of-00001.parquet", "t.parquet"];
        assert!(order(&two).unwrap_err().contains("several versions"));
        assert!(order(&["t-00000-of-99999999999.parquet"]).is_err());
    }
}
