//! Everything that the tables show, as numbers.

use drs_analysis::{Curve, Joint, Log, MixedInputs, Paired, Routed, Row, Share};
use serde::Serialize;

use crate::logs;

/// How lower bounds look in these tables.
const SHOWN: &str = " (≥)";

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
    /// Where draws stopped before every radius was decided.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) undecided: Vec<String>,
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
    /// Whether more draws could raise no radius: else the average is a lower bound.
    pub(super) is_decided: bool,
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
    /// Whether that is no lower bound.
    pub(super) oracle_is_decided: bool,
    pub(super) compared_at: f64,
    pub(super) pairs: Vec<Pair>,
}

/// The best single log at a radius.
#[derive(Debug, Serialize)]
pub(super) struct Best {
    pub(super) log: String,
    /// Others that certify as many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) equals: Vec<String>,
    /// Whether it would be the best with all draws, too.
    pub(super) is_decided: bool,
    #[serde(flatten)]
    pub(super) share: Share,
}

#[derive(Debug, Serialize)]
pub(super) struct Pair {
    pub(super) first: String,
    pub(super) second: String,
    /// Absent where draws stopped before it was decided what is certified.
    #[serde(flatten)]
    pub(super) paired: Option<Paired>,
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
        let undecided = logs::undecided(logs, SHOWN);
        Ok(Self { radii: radii.to_vec(), logs: own, joint, not_compared, undecided })
    }
}

fn reason(mixed: &MixedInputs) -> String {
    format!("{mixed}; --common compares the inputs that all logs have")
}

impl LogFindings {
    fn of(log: &Log, radii: &[f64]) -> anyhow::Result<Self> {
        let (curve, inputs) = (Curve::of(log), log.rows.len());
        let certified = radii
            .iter()
            .map(|&radius| Share::between(curve.count(radius), curve.most(radius), inputs));
        let count = |is: &dyn Fn(&Row) -> bool| log.rows.iter().filter(|row| is(row)).count();
        let abstained = count(&|row| row.predict.is_none());
        let right = count(&Row::correct);
        // Those that abstained so far and may turn out right, or any answer, with all draws.
        let late = |row: &Row| row.predict.is_none() && log.is_open(row, 0.0);
        let late = count(&late);
        let draws = log.rows.iter().map(|row| row.draws.map(|draws| draws as f64));
        let seconds = log.rows.iter().map(|row| row.seconds);
        Ok(Self {
            name: log.name.clone(),
            inputs,
            certified: certified.collect::<Result<_, _>>()?,
            clean: Share::between(right, right + late, inputs)?,
            abstained: Share::between(abstained - late, abstained, inputs)?,
            average_radius: curve.average_radius(),
            is_decided: curve.is_decided(),
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
            if let Some(best) = joint.envelope(radius) {
                let share = Share::between(best.count, best.most, inputs)?;
                let (log, is_decided) = (best.log.name.clone(), best.is_decided);
                let equals = best.equals.iter().map(|log| log.name.clone()).collect();
                envelope.push(Best { log, equals, is_decided, share });
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
        let shares = radii
            .iter()
            .map(|&radius| Share::between(oracle.count(radius), oracle.most(radius), inputs));
        Ok(Self {
            envelope,
            oracle: shares.collect::<Result<_, _>>()?,
            oracle_average_radius: oracle.average_radius(),
            oracle_is_decided: oracle.is_decided(),
            compared_at: compare,
            pairs,
        })
    }
}
