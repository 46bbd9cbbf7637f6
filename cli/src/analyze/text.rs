//! Findings as tables for people, and as rows for programs.

use drs_analysis::{Routed, Share};

use super::findings::{Best, Findings, JointFindings, LogFindings};
use drs_report::{Grid, Part, csv_text};

/// Said beside every average certified radius.
const AVERAGE_RADIUS: &str = "ACR is the average certified radius, wrong answers and abstentions counted as 0. It is a poor summary: very large radii on easy inputs raise it while most inputs lose (Sun et al. 2025).";

/// In place of a figure that more draws might move either way.
const UNDECIDED: &str = "?";

/// Said below paired comparisons.
const MCNEMAR: &str = "p: McNemar's exact test, the probability of a split at least as uneven if neither log were better.";

pub(super) fn parts(findings: &Findings) -> Vec<Part> {
    let mut parts = vec![
        Part::Table(accuracy(findings)),
        Part::Table(intervals(findings)),
        Part::Table(summary(findings)),
        Part::Note(AVERAGE_RADIUS.to_owned()),
    ];
    parts.extend(findings.undecided.iter().cloned().map(Part::Note));
    if let Some(joint) = &findings.joint {
        parts.push(Part::Table(bounds(findings, joint)));
        parts.push(Part::Table(pairs(joint)));
        parts.push(Part::Note(MCNEMAR.to_owned()));
        if joint.pairs.iter().any(|pair| pair.paired.is_none()) {
            parts.push(Part::Note(format!(
                "?: not compared, since draws stopped before it was decided which inputs are certified at r = {}; --compare takes a radius that both logs decide.",
                joint.compared_at
            )));
        }
    }
    if let Some(reason) = &findings.not_compared {
        parts.push(Part::Note(format!("Not compared: {reason}.")));
    }
    for (log, routed) in findings.logs.iter().filter_map(|log| Some((log, log.routed.as_ref()?))) {
        parts.push(Part::Table(routing(log, routed)));
        if !routed.stages.is_empty() {
            parts.push(Part::Table(stages(log, routed)));
        }
    }
    parts
}

/// One row for each log and radius.
pub(super) fn csv(findings: &Findings) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "log",
        "radius",
        "certified",
        "inputs",
        "percent",
        "low",
        "high",
        "at_most",
    ])?;
    let oracle = findings.joint.iter().map(|joint| ("oracle", &joint.oracle));
    let logs = findings.logs.iter().map(|log| (log.name.as_str(), &log.certified)).chain(oracle);
    for (name, shares) in logs {
        for (radius, share) in findings.radii.iter().zip(shares) {
            let (count, inputs) = (share.count.to_string(), share.inputs.to_string());
            let figures = [share.percent, share.low, share.high, share.at_most];
            let figures = figures.map(|percent| format!("{percent:.4}"));
            let fields = [csv_text(name).into_owned(), radius.to_string(), count, inputs];
            writer.write_record(fields.into_iter().chain(figures))?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// A share, or the least that it is.
fn percent(share: &Share) -> String {
    at_least(share.is_decided(), format!("{:.2}", share.percent))
}

fn at_least(is_decided: bool, figure: String) -> String {
    if is_decided { figure } else { format!("≥ {figure}") }
}

/// The difference of two shares; none where either is a bound.
fn difference(from: &Share, less: &Share) -> String {
    if from.is_decided() && less.is_decided() {
        format!("{:.2}", from.percent - less.percent)
    } else {
        UNDECIDED.to_owned()
    }
}

fn header(first: &str, radii: &[f64]) -> Vec<String> {
    let radii = radii.iter().map(|radius| format!("r = {radius}"));
    std::iter::once(first.to_owned()).chain(radii).collect()
}

fn accuracy(findings: &Findings) -> Grid {
    let row = |log: &LogFindings| {
        std::iter::once(log.name.clone()).chain(log.certified.iter().map(percent)).collect()
    };
    Grid {
        title: "Certified accuracy, % of inputs that are right with a radius of at least r".into(),
        header: header("log", &findings.radii),
        rows: findings.logs.iter().map(row).collect(),
    }
}

fn intervals(findings: &Findings) -> Grid {
    // Outward, so that the printed interval contains the exact one.
    let interval = |share: &Share| {
        let (low, high) = ((10.0 * share.low).floor() / 10.0, (10.0 * share.high).ceil() / 10.0);
        format!("{low:.1}–{high:.1}")
    };
    let row = |log: &LogFindings| {
        std::iter::once(log.name.clone()).chain(log.certified.iter().map(interval)).collect()
    };
    Grid {
        title: "95 % confidence intervals of these (Clopper–Pearson, over the choice of inputs)"
            .into(),
        header: header("log", &findings.radii),
        rows: findings.logs.iter().map(row).collect(),
    }
}

/// Who abstained may answer with more draws: then the share is the most that it is.
fn abstained(share: &Share) -> String {
    let most = format!("{:.2}", share.at_most);
    if share.is_decided() { most } else { format!("≤ {most}") }
}

fn summary(findings: &Findings) -> Grid {
    let dash = || "-".to_owned();
    let row = |log: &LogFindings| {
        vec![
            log.name.clone(),
            log.inputs.to_string(),
            percent(&log.clean),
            abstained(&log.abstained),
            at_least(log.is_decided, format!("{:.4}", log.average_radius)),
            log.draws.map_or_else(dash, |draws| format!("{draws:.0}")),
            log.seconds.map_or_else(dash, |seconds| format!("{seconds:.3}")),
        ]
    };
    let header = ["log", "inputs", "clean, %", "abstained, %", "ACR", "draws", "seconds"];
    Grid {
        title: "Clean accuracy of the smoothed classifier; mean draws per input, and mean seconds of the machine that it took (`time` in the logs)"
            .into(),
        header: header.map(str::to_owned).to_vec(),
        rows: findings.logs.iter().map(row).collect(),
    }
}

fn bounds(findings: &Findings, joint: &JointFindings) -> Grid {
    let row =
        |name: &str, cells: Vec<String>| std::iter::once(name.to_owned()).chain(cells).collect();
    let gaps = joint.envelope.iter().zip(&joint.oracle);
    let gaps = gaps.map(|(best, oracle)| difference(oracle, &best.share)).collect();
    let which = |best: &Best| {
        let equals = best.equals.iter().map(|log| format!(" = {log}"));
        let names: String = std::iter::once(best.log.clone()).chain(equals).collect();
        if best.is_decided { names } else { format!("{names} {UNDECIDED}") }
    };
    let mut rows = vec![
        row("best single log", joint.envelope.iter().map(|best| percent(&best.share)).collect()),
        row("which", joint.envelope.iter().map(which).collect()),
        row("oracle", joint.oracle.iter().map(percent).collect()),
        row("oracle − best", gaps),
    ];
    for log in &findings.logs {
        let gaps = log.certified.iter().zip(&joint.oracle);
        let gaps = gaps.map(|(own, oracle)| difference(oracle, own)).collect();
        rows.push(row(&format!("oracle − {}", log.name), gaps));
    }
    Grid {
        title: format!(
            "Envelope of the best single log per radius, and the oracle that takes each input's best log (ACR {})",
            at_least(joint.oracle_is_decided, format!("{:.4}", joint.oracle_average_radius))
        ),
        header: header("", &findings.radii),
        rows,
    }
}

fn pairs(joint: &JointFindings) -> Grid {
    let rows = joint.pairs.iter().map(|pair| {
        let cells = pair.paired.as_ref().map_or([UNDECIDED; 3].map(str::to_owned), |paired| {
            [paired.only_first.to_string(), paired.only_second.to_string(), p_value(paired.p)]
        });
        std::iter::once(format!("{} / {}", pair.first, pair.second)).chain(cells).collect()
    });
    Grid {
        title: format!("Inputs that only one of two logs certifies at r = {}", joint.compared_at),
        header: ["pair", "only first", "only second", "p"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

fn routing(log: &LogFindings, routed: &Routed) -> Grid {
    let of = |count: usize, all: usize| format!("{:.2}", 100.0 * count as f64 / all.max(1) as f64);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (expert, &count) in &routed.experts {
        let expert = expert.as_deref().map_or_else(
            || "routed nowhere, % of inputs".to_owned(),
            |expert| format!("routed to {expert}, % of inputs"),
        );
        rows.push(vec![expert, of(count, log.inputs)]);
    }
    let certified = routed.route_binds + routed.class_binds;
    rows.push(vec!["the route binds, % of certified".into(), of(routed.route_binds, certified)]);
    let radius = |radius: f64| at_least(log.is_decided, format!("{radius:.4}"));
    rows.push(vec!["mean radius of certified".into(), radius(routed.radius)]);
    rows.push(vec!["the same if only the class had to hold".into(), radius(routed.class_radius)]);
    for (size, &count) in &routed.sets {
        rows.push(vec![format!("rests on {size} experts, % of certified"), of(count, certified)]);
    }
    Grid {
        title: format!("Routing in {}", log.name),
        header: vec!["what".into(), "value".into()],
        rows,
    }
}

fn stages(log: &LogFindings, routed: &Routed) -> Grid {
    let row = |stage: &drs_analysis::StageDraws| {
        let phase = format!("{:?}", stage.phase).to_lowercase();
        vec![
            format!("{}, {phase}", stage.model),
            stage.inputs.to_string(),
            format!("{:.0}", stage.mean),
            stage.most.to_string(),
        ]
    };
    Grid {
        title: format!("Draws in {}, mean over all inputs", log.name),
        header: ["stage", "inputs", "mean", "most"].map(str::to_owned).to_vec(),
        rows: routed.stages.iter().map(row).collect(),
    }
}

fn p_value(p: f64) -> String {
    if p < 1e-9 { "< 1e-9".to_owned() } else { format!("{p:.2e}") }
}
