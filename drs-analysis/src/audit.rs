//! One line of certificates, read strictly: nothing in it may be left unjudged.

use std::borrow::Cow;

use drs_core::certificate::Certificate;
use drs_core::verify::Rejection;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::Record;

/// One line of `drs route --json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer<'a> {
    /// The image's path as given.
    pub image: Cow<'a, str>,
    /// What was done to the file's pixels before anything else, in words; `None` if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion: Option<String>,
    /// The class by name; `null` abstains.
    pub class: Option<Cow<'a, str>>,
    /// The expert by name.
    pub expert: Option<Cow<'a, str>>,
    /// The expert's noise level.
    pub sigma: Option<f64>,
    /// Its share of the machine, models and noise, in seconds.
    pub seconds: f64,
    /// Seconds from its start to its answer; none in answers of before version 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<f64>,
    /// The certificate.
    pub certificate: Cow<'a, Certificate>,
}

/// A certificate from a file, with what stands around it.
#[derive(Debug)]
pub enum Entry {
    /// Of a data set.
    Record(Record<'static>),
    /// Of an image.
    Answer(Answer<'static>),
}

/// Enough to tell the kinds of lines apart.
#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    image: Option<IgnoredAny>,
    #[serde(default)]
    prediction: Option<IgnoredAny>,
}

impl Entry {
    /// Reads a line of `drs certify` or `drs route --json`. Unknown fields and fields that come
    /// twice are refused.
    ///
    /// # Errors
    /// If it is no such line; the rejection names the field.
    pub fn read(line: &str) -> Result<Self, Rejection> {
        let kind: Kind = parse(line)?;
        if kind.prediction.is_some() {
            let expected = "a certificate: a prediction has no radius and no protocol to check";
            return Err(Rejection::new("prediction", "a prediction", expected));
        }
        if kind.image.is_some() {
            parse(line).map(Self::Answer)
        } else {
            parse(line).map(Self::Record)
        }
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        match self {
            Self::Record(record) => &record.certificate,
            Self::Answer(answer) => &answer.certificate,
        }
    }

    /// What it is about: the input's index, or the image.
    #[must_use]
    pub fn input(&self) -> String {
        match self {
            Self::Record(record) => record.idx.to_string(),
            Self::Answer(answer) => answer.image.to_string(),
        }
    }

    /// Checks the certificate (see [`drs_core::verify()`]) and what else in the line follows from it.
    ///
    /// # Errors
    /// The first field that does not follow.
    pub fn verify(&self) -> Result<(), Rejection> {
        drs_core::verify(self.certificate()).map_err(|problem| problem.within("certificate"))?;
        match self {
            Self::Record(record) => record.check(),
            Self::Answer(answer) => answer.check(),
        }
    }
}

impl Record<'_> {
    fn check(&self) -> Result<(), Rejection> {
        let class = self.certificate.verdict.class;
        if let (Some(label), Some(classes)) = (self.label, self.certificate.classes)
            && label >= classes
        {
            let expected = format!("a class below {classes}, the number of classes");
            return Err(Rejection::new("label", label.to_string(), expected));
        }
        let correct = self.label.map(|label| class == Some(label));
        same("correct", &self.correct, &correct)?;
        seconds("time", self.time)?;
        seconds("latency", self.latency.unwrap_or(0.0))
    }
}

impl Answer<'_> {
    fn check(&self) -> Result<(), Rejection> {
        let verdict = &self.certificate.verdict;
        if self.class.is_some() != verdict.class.is_some() {
            let expected = if verdict.class.is_some() { "a class" } else { "null: it abstains" };
            return Err(Rejection::new("class", written(&self.class), expected));
        }
        let models = self.certificate.provenance.iter().flat_map(|provenance| &provenance.models);
        let mut experts = models.filter(|model| model.name != "router");
        let expert = verdict.expert.and_then(|expert| experts.nth(expert));
        same("expert", &self.expert.as_deref(), &expert.map(|expert| expert.name.as_str()))?;
        same("sigma", &self.sigma, &expert.map(|expert| expert.sigma.get()))?;
        seconds("seconds", self.seconds)?;
        seconds("latency", self.latency.unwrap_or(0.0))
    }
}

fn same<T: PartialEq + Serialize>(field: &str, found: &T, expected: &T) -> Result<(), Rejection> {
    if found == expected {
        return Ok(());
    }
    Err(Rejection::new(field, written(found), written(expected)))
}

fn seconds(field: &str, found: f64) -> Result<(), Rejection> {
    if found.is_finite() && found >= 0.0 {
        return Ok(());
    }
    Err(Rejection::new(field, found.to_string(), "a number of seconds from 0"))
}

fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A value from a line of JSON; what is wrong is told with its path.
fn parse<T: DeserializeOwned>(line: &str) -> Result<T, Rejection> {
    let mut json = serde_json::Deserializer::from_str(line);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = match error.path().to_string().as_str() {
            "." | "?" => "line".to_owned(),
            path => path.to_owned(),
        };
        malformed(&path, error.inner())
    })?;
    json.end().map_err(|error| malformed("line", &error))?;
    Ok(value)
}

fn malformed(path: &str, error: &serde_json::Error) -> Rejection {
    let message = error.to_string();
    // There is but one line, and its caller knows which.
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(told, _)| told);
    Rejection::told(path, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> String {
        Entry::read(line).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_record_is_told_with_its_field() {
        assert!(told("{").starts_with("line: "), "{}", told("{"));
        assert!(told("[]").contains("line"), "{}", told("[]"));
        assert!(told("{\"idx\": \"a\"}").starts_with("idx: "), "{}", told("{\"idx\": \"a\"}"));
        assert!(told("{\"idx\": 1, \"idx\": 2}").contains("duplicate field"));
        assert!(told("{\"idx\": 1, \"extra\": 2}").contains("unknown field `extra`"));
        assert!(told("{\"prediction\": {}}").contains("a certificate"));
        assert!(told("{} {}").contains("trailing") || told("{} {}").contains("missing"));
    }
}
