//! The output of a model.

use drs_plugins_api::{Error, argmax};

use super::{Dim, Element, Refusal, Signature};
use crate::signature::Port;

/// What gives scikit-learn's probabilities as a tensor.
const NO_ZIPMAP: &str = "export it with scores as one tensor (scikit-learn's converter: to_onnx(model, x, options={\"zipmap\": False}))";

/// How scores become votes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reading {
    /// One for each class; the largest votes. Their number, where the file tells.
    Classes(Option<usize>),
    /// One in all: above this the vote is for the second of two classes.
    Above(f32),
}

/// The output that votes.
pub(super) fn the_one<'a>(
    signature: &'a Signature,
    asked: Option<&str>,
) -> Result<&'a Port, Refusal> {
    let outputs = &signature.outputs;
    let port = match (asked, &**outputs) {
        (Some(name), _) => {
            outputs.iter().find(|port| port.name == name).ok_or_else(|| Refusal {
                problem: format!("output \"{name}\" is not among its outputs: {}", listed(outputs)),
                remedy: "name one of them".to_owned(),
            })?
        }
        (None, [port]) => port,
        (None, _) => {
            let scores = outputs.iter().find(|port| is_float(port.element));
            let remedy = scores.map_or_else(|| NO_ZIPMAP.to_owned(), |port| {
                format!("say which one holds logits or probabilities: output = \"{}\" in the config table", port.name)
            });
            return Err(Refusal {
                problem: format!(
                    "{} outputs found ({}), expected one",
                    outputs.len(),
                    listed(outputs)
                ),
                remedy,
            });
        }
    };
    if is_float(port.element) {
        return Ok(port);
    }
    let remedy = match port.element {
        Element::Container => NO_ZIPMAP.to_owned(),
        _ => match outputs.iter().find(|other| is_float(other.element)) {
            Some(other) => format!("output = \"{}\" holds floats", other.name),
            None => "export the model with logits or probabilities as its output".to_owned(),
        },
    };
    Err(Refusal {
        problem: format!(
            "its output is {port}, expected float scores of the classes: labels tell neither ties nor values that are not finite"
        ),
        remedy,
    })
}

fn is_float(element: Element) -> bool {
    matches!(element, Element::F32 | Element::F16 | Element::BF16 | Element::F64 | Element::Unknown)
}

/// Names, sizes and kinds.
pub(super) fn listed(ports: &[Port]) -> String {
    ports.iter().map(Port::to_string).collect::<Vec<_>>().join("; ")
}

/// How an output is read.
pub(super) fn reading(port: &Port, threshold: Option<f32>) -> Result<Reading, Refusal> {
    let count = match &port.dims {
        None => None,
        Some(dims) => count(port, dims)?,
    };
    match (count, threshold) {
        (Some(1), None) => Err(Refusal {
            problem: format!("its output is {port}: one score, not one for each class"),
            remedy: "for a logit write threshold = 0.0, for a probability threshold = 0.5, and the names of two classes: classes = [\"no\", \"yes\"]".to_owned(),
        }),
        (Some(1) | None, Some(threshold)) if threshold.is_finite() => Ok(Reading::Above(threshold)),
        (Some(1) | None, Some(threshold)) => Err(Refusal {
            problem: format!("threshold: {threshold} found, expected a finite number"),
            remedy: String::new(),
        }),
        (Some(_), Some(_)) => Err(Refusal {
            problem: format!("threshold is for a model of one score, but its output is {port}"),
            remedy: "remove threshold: the largest score votes".to_owned(),
        }),
        (count, None) => Ok(Reading::Classes(count)),
    }
}

/// The number of scores for one input, where it is declared. All dimensions but the batch and one
/// more must be 1.
fn count(port: &Port, dims: &[Dim]) -> Result<Option<usize>, Refusal> {
    let sizes = dims.get(1..).unwrap_or_default();
    let mut larger = sizes.iter().filter(|dim| **dim != Dim::Fixed(1));
    match (dims.is_empty(), larger.next(), larger.next()) {
        (false, None, _) => Ok(Some(1)),
        (false, Some(Dim::Fixed(size)), None) if *size > 0 => Ok(Some(*size)),
        (false, Some(Dim::Free(_)), None) => Ok(None),
        _ => Err(Refusal {
            problem: format!("its output is {port}, expected [batch, classes]"),
            remedy: "export the classifier with one score for each class".to_owned(),
        }),
    }
}

impl Reading {
    /// The number of classes, where it is known.
    pub(super) fn classes(self) -> Option<usize> {
        match self {
            Self::Classes(count) => count,
            Self::Above(_) => Some(2),
        }
    }

    /// How many scores an input has.
    pub(super) fn each(self, classes: usize) -> usize {
        match self {
            Self::Classes(_) => classes,
            Self::Above(_) => 1,
        }
    }

    /// Whether an output of these dimensions is one of so many rows.
    pub(super) fn fit(
        self,
        dims: &[usize],
        found: usize,
        rows: usize,
        classes: usize,
    ) -> Result<(), String> {
        let each = self.each(classes);
        let rest = dims.get(1..).unwrap_or_default();
        let fits = dims.first() == Some(&rows)
            && rest.iter().filter(|&&size| size != 1).all(|&size| size == each)
            && rest.iter().filter(|&&size| size != 1).count() <= 1
            && found == rows * each;
        if fits {
            return Ok(());
        }
        Err(format!("output of shape {dims:?}, expected [{rows}, {each}]"))
    }

    /// The votes of scores, row after row.
    pub(super) fn vote(
        self,
        scores: &[f32],
        classes: usize,
        votes: &mut [u32],
    ) -> Result<(), Error> {
        debug_assert_eq!(scores.len(), votes.len() * self.each(classes), "they fit");
        match self {
            Self::Classes(_) => argmax(scores, votes),
            Self::Above(threshold) => {
                // As scores of two classes: equal ones vote for the first.
                let pairs = scores.iter().flat_map(|&score| [threshold, score]);
                argmax(&pairs.collect::<Vec<_>>(), votes)
            }
        }
    }
}
