//! The names of classes in answers of `drs route`, held against each other.

use std::collections::HashMap;

use drs_analysis::Answer;
use drs_core::verify::Rejection;

/// What a file's answers call their classes so far, and where first.
#[derive(Default)]
pub(super) struct Names {
    by_class: HashMap<usize, (String, u64)>,
    by_name: HashMap<String, (usize, u64)>,
}

impl Names {
    /// Whether an answer calls its class as those before it do. Which name is right only the models
    /// tell; two names for one class, or one for two, cannot be.
    pub(super) fn fits(&mut self, answer: &Answer<'_>, line: u64) -> Result<(), Rejection> {
        let class = answer.certificate.verdict.class;
        let Some((class, name)) = class.zip(answer.class.as_deref()) else { return Ok(()) };
        let (known, first) = self.by_class.entry(class).or_insert_with(|| (name.to_owned(), line));
        if known != name {
            let expected = format!("{known:?}, as line {first} calls class {class}");
            return Err(Rejection::new("class", format!("{name:?}"), expected));
        }
        let (known, first) = *self.by_name.entry(name.to_owned()).or_insert((class, line));
        if known != class {
            let found = format!("{name:?} for class {class}");
            let expected = format!("another name than class {known} has in line {first}");
            return Err(Rejection::new("class", found, expected));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_for_one_class() {
        let record = include_str!("../../../fuzz/corpus/record/maxmin-0");
        let mut record: serde_json::Value = serde_json::from_str(record).unwrap();
        let mut answer = |class: Option<usize>, name: Option<&str>| {
            record["certificate"]["verdict"]["class"] = class.into();
            let certificate = serde_json::from_value(record["certificate"].clone()).unwrap();
            Answer {
                image: "a.png".into(),
                conversion: None,
                class: name.map(|name| name.to_owned().into()),
                expert: None,
                sigma: None,
                seconds: 0.0,
                latency: None,
                certificate: std::borrow::Cow::Owned(certificate),
            }
        };
        let mut names = Names::default();
        for (class, name) in [(Some(0), Some("low")), (Some(1), Some("high")), (None, None)] {
            assert!(names.fits(&answer(class, name), 1).is_ok());
        }
        assert!(names.fits(&answer(Some(1), Some("high")), 2).is_ok());
        let told = |result: Result<(), Rejection>| result.unwrap_err().to_string();
        let swapped = told(names.fits(&answer(Some(1), Some("low")), 3));
        assert_eq!(swapped, "class: \"low\", expected \"high\", as line 1 calls class 1");
        let twice = told(names.fits(&answer(Some(2), Some("high")), 4));
        assert!(twice.contains("another name than class 1 has in line 1"), "{twice}");
    }
}
