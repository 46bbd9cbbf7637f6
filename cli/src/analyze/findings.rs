//! Everything that the tables show, as numbers.

use drs_analysis::{Curve, Joint, Log, MixedInputs, Paired, Routed, Share};
use serde::Serialize;

/// What some logs say; also the layout of `--format json`.
#[derive(Debug, Serialize)]
pub(super) struct Findings {
    pub(super) radii: Vec<f64>,
    pub(super) logs: Vec<LogFindings>,
    /// Absent for one log, and for logs of different inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) joint: Option<JointFindings>,
    /// Why logs are not compared with each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_compared: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct LogFindings {
    pub(super) name: String,
    pub(super) inputs: usize,
    /// At each radius.
    pub(super) certified: Vec<Share>,
    pub(super) clean: Share,
    pub(super) abstained: Share,
    pub(super) average_radius: f64,
    /// Mean per input.
    pub(super) draws: Option<f64>,
    /// Mean per input.
    pub(super) seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) routed: Option<Routed>,
}

#[derive(Debug, Serialize)]
pub(super) struct JointFindings {
    pub(super) envelope: Vec<Best>,
    pub(super) oracle: Vec<Share>,
    pub(super) oracle_average_radius: f64,
    pub(super) compared_at: f64,
    pub(super) pairs: Vec<Pair>,
}

/// The best single log at a radius.
#[derive(Debug, Serialize)]
pub(super) struct Best {
    pub(super) log: String,
    #[serde(flatten)]
    pub(super) share: Share,
}

#[derive(Debug, Serialize)]
pub(super) struct Pair {
    pub(super) first: String,
    pub(super) second: String,
    #[serde(flatten)]
    pub(super) paired: Paired,
}

impl Findings {
    pub(super) fn of(logs: &[Log], radii: &[f64], compare: f64) -> anyhow::Result<Self> {
        let own = logs.iter().map(|log| LogFindings::of(log, radii));
        let own = own.collect::<anyhow::Result<_>>()?;
        let joint = (logs.len() > 1).then(|| Joint::new(logs));
        let (joint, not_compared) = match joint {
            None => (None, None),
            Some(Ok(joint)) => (Some(JointFindings::of(joint, logs, radii, compare)?), None),
            Some(Err(mixed)) => (None, Some(reason(&mixed))),
        };
        Ok(Self { radii: radii.to_vec(), logs: own, joint, not_compared })
    }
}

fn reason(mixed: &MixedInputs) -> String {
    format!("{mixed}; --common compares the inputs that all logs have")
}

impl LogFindings {
    fn of(log: &Log, radii: &[f64]) -> anyhow::Result<Self> {
        let (curve, inputs) = (Curve::of(log), log.rows.len());
        let certified = radii.iter().map(|&radius| Share::new(curve.count(radius), inputs));
        let abstained = log.rows.iter().filter(|row| row.predict.is_none()).count();
        let draws = log.rows.iter().map(|row| row.draws.map(|draws| draws as f64));
        let seconds = log.rows.iter().map(|row| row.seconds);
        Ok(Self {
            name: log.name.clone(),
            inputs,
            certified: certified.collect::<Result<_, _>>()?,
            clean: Share::new(curve.count(0.0), inputs)?,
            abstained: Share::new(abstained, inputs)?,
            average_radius: curve.average_radius(),
            draws: mean(draws, inputs),
            seconds: mean(seconds, inputs),
            routed: Routed::of(log),
        })
    }
}

/// The mean, if every input has the value.
fn mean(values: impl Iterator<Item = Option<f64>>, inputs: usize) -> Option<f64> {
    Some(values.sum::<Option<f64>>()? / inputs as f64)
}

impl JointFindings {
    fn of(joint: Joint<'_>, logs: &[Log], radii: &[f64], compare: f64) -> anyhow::Result<Self> {
        let oracle = joint.oracle();
        let inputs = oracle.inputs();
        let mut envelope = Vec::with_capacity(radii.len());
        for &radius in radii {
            if let Some((log, count)) = joint.envelope(radius) {
                envelope.push(Best { log: log.name.clone(), share: Share::new(count, inputs)? });
            }
        }
        let mut pairs = Vec::new();
        for second in 1..logs.len() {
            for first in 0..second {
                let paired = joint.paired(first, second, compare);
                let (first, second) = (logs[first].name.clone(), logs[second].name.clone());
                pairs.push(Pair { first, second, paired });
            }
        }
        let shares = radii.iter().map(|&radius| Share::new(oracle.count(radius), inputs));
        Ok(Self {
            envelope,
            oracle: shares.collect::<Result<_, _>>()?,
            oracle_average_radius: oracle.average_radius(),
            compared_at: compare,
            pairs,
        })
    }
}
