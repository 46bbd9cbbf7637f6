//! The names of classes in answers of `drs route`, held against each other.

use std::collections::HashMap;

use drs_analysis::Answer;
use drs_core::verify::Rejection;

/// What a file's answers call the classes of their models so far, and where first.
#[derive(Default)]
pub(super) struct Names(HashMap<(String, usize), (String, u64)>);

impl Names {
    /// Whether an answer calls its class as those before it do. Which name is right only the models
    /// tell; two names for one class of the same models cannot be.
    pub(super) fn fits(&mut self, answer: &Answer<'_>, line: u64) -> Result<(), Rejection> {
        let class = answer.certificate.verdict.class;
        let Some((class, name)) = class.zip(answer.class.as_deref()) else { return Ok(()) };
        // The same models, whatever was asked of them.
        let models = answer.certificate.provenance.iter().flat_map(|from| &from.models);
        let models = models.map(|m| format!("{} {} ", m.plugin_sha256, m.config_sha256)).collect();
        let known = self.0.entry((models, class)).or_insert_with(|| (name.to_owned(), line));
        if known.0 != name {
            let expected = format!("{:?}, as line {} calls class {class}", known.0, known.1);
            return Err(Rejection::new("class", format!("{name:?}"), expected));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of no models.
    fn certificate() -> serde_json::Value {
        serde_json::json!({
            "version": 6, "method": "one:a", "distance": 0.0, "stages": [], "bounds": [],
            "protocol": {
                "n0": 1, "n": 1, "sampling": "fixed", "alpha": 0.1, "bounding": "one-sided",
                "split": {"route": 0.5, "next_set": 0.25, "next_expert": 0.25, "others": 0.5, "next_scale": 1.0},
            },
            "verdict": {
                "class": null, "radius": 0.0, "expert": null, "set": [], "route_radius": null,
                "class_radius": 0.0, "binds": null,
            },
        })
    }

    #[test]
    fn one_name_for_one_class() {
        let mut certificate = certificate();
        let mut answer = |class: Option<usize>, name: Option<&str>| {
            certificate["verdict"]["class"] = class.into();
            let certificate = serde_json::from_value(certificate.clone()).unwrap();
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
        // Class lists of the field have names that come twice.
        assert!(names.fits(&answer(Some(2), Some("high")), 4).is_ok());
    }
}
