//! The verdict of a plan in words.

use drs_analysis::{Gain, Joint, Log, Pays, Pool, Verdict};
use drs_report::Grid;

use crate::args::PlanArgs;

/// For each router accuracy, the highest first; none without a radius that is decided.
pub(super) fn all(joint: &Joint<'_>, pools: &[Pool], args: &PlanArgs) -> Vec<Verdict> {
    let mut accuracies = args.accuracy.clone();
    accuracies.sort_by(|a, b| b.total_cmp(a));
    accuracies.dedup();
    let verdict = |&accuracy: &f64| Verdict::of(joint, pools, accuracy, &args.radii);
    accuracies.iter().filter_map(verdict).collect()
}

/// Would routing pay, where, by how much, against what, and how well is that known?
pub(super) fn sentence(verdicts: &[Verdict], logs: &[Log]) -> String {
    let names: Vec<&str> = logs.iter().map(|log| log.name.as_str()).collect();
    let Some((first, rest)) = verdicts.split_first() else {
        return "No verdict: the logs decide none of these radii; give others with --radii, or certify with --full or --sampling fixed.".to_owned();
    };
    let Some(best) = first.best() else { return String::new() };
    let pool = pool(first, &names);
    let router = format!("a router that is right for {}", accuracy(first));
    let mut text = match first.pays {
        Pays::Yes => {
            let sure = radii(first, |gain| gain.low > 0.0);
            let worse = radii(first, |gain| gain.high < 0.0);
            let open = radii(first, |gain| gain.low <= 0.0 && gain.high >= 0.0);
            let also = |radii: Option<String>, what: &str| {
                radii.map_or_else(String::new, |radii| format!(" At r = {radii} {what}."))
            };
            format!(
                "Verdict: yes, with {router}. {pool} would certify more than the best single expert at r = {}, most at r = {}: {}.{}{}",
                sure.unwrap_or_default(),
                best.radius,
                against(best, &names),
                also(worse, "it would certify less"),
                also(open, "it is too close to tell")
            )
        }
        // Where nobody certifies anything there is no radius to name.
        Pays::No if best.points <= 0.0 => format!(
            "Verdict: no, not even with {router}. {pool} would at no radius certify more than the best single expert."
        ),
        Pays::No => format!(
            "Verdict: no, not even with {router}. {pool} would at no radius certify one point more than the best single expert; at best, at r = {}, {}.",
            best.radius,
            against(best, &names)
        ),
        Pays::TooClose => format!(
            "Verdict: too close to tell with {} inputs. With {router}, {pool} would at best, at r = {}, certify {}.",
            first.inputs,
            best.radius,
            against(best, &names)
        ),
    };
    for verdict in rest {
        let answer = match verdict.pays {
            Pays::Yes => "yes",
            Pays::No => "no",
            Pays::TooClose => "too close to tell",
        };
        text += &format!(" With one that is right for {}: {answer}.", accuracy(verdict));
    }
    let most = first.gains.iter().map(|gain| gain.oracle).fold(0.0, f64::max);
    text += &format!(
        " A router that never errs would gain up to {most:.1} points. The route's own radius is left out: it can only lower these figures. All intervals hold together with 95 %, over the choice of the {} inputs.",
        first.inputs
    );
    text
}

/// Gains with their intervals at each radius.
pub(super) fn table(verdict: Option<&Verdict>, logs: &[String]) -> Option<Grid> {
    let verdict = verdict?;
    let names: Vec<&str> = logs.iter().map(String::as_str).collect();
    let row = |name: &str, cell: &dyn Fn(&Gain) -> String| {
        let cells = verdict.gains.iter().map(cell);
        std::iter::once(name.to_owned()).chain(cells).collect::<Vec<_>>()
    };
    let radii = verdict.gains.iter().map(|gain| format!("r = {}", gain.radius));
    Some(Grid {
        title: format!(
            "Points that {} would gain over the best single expert with a router of accuracy {}",
            pool(verdict, &names),
            verdict.router_accuracy
        ),
        header: std::iter::once(String::new()).chain(radii).collect(),
        rows: vec![
            row("best single expert", &|gain| name(&names, gain.single).to_owned()),
            row("gain", &|gain| format!("{:.2}", gain.points)),
            row("at least", &|gain| format!("{:.2}", down(gain.low, 100.0))),
            row("at most", &|gain| format!("{:.2}", -down(-gain.high, 100.0))),
            row("oracle", &|gain| format!("{:.2}", gain.oracle)),
        ],
    })
}

/// "2.3 points more than s050 (0.4 to 4.1)".
fn against(gain: &Gain, names: &[&str]) -> String {
    let word = if gain.points < 0.0 { "less" } else { "more" };
    format!(
        "{:.1} points {word} than {} (interval {:.1} to {:.1})",
        gain.points.abs(),
        name(names, gain.single),
        down(gain.low, 10.0),
        -down(-gain.high, 10.0)
    )
}

/// Rounded down to so many parts: printed intervals contain the exact ones.
fn down(value: f64, parts: f64) -> f64 {
    (value * parts).floor() / parts
}

fn accuracy(verdict: &Verdict) -> String {
    // Two digits more than the share has.
    let percent = format!("{:.4}", 100.0 * verdict.router_accuracy);
    format!("{} % of inputs", percent.trim_end_matches('0').trim_end_matches('.'))
}

fn pool(verdict: &Verdict, names: &[&str]) -> String {
    verdict.pool.iter().map(|&log| name(names, log)).collect::<Vec<_>>().join(" + ")
}

fn name<'a>(names: &[&'a str], log: usize) -> &'a str {
    names.get(log).copied().unwrap_or_default()
}

/// The radii of some gains, as in "0, 0.25 and 1".
fn radii(verdict: &Verdict, which: impl Fn(&Gain) -> bool) -> Option<String> {
    let radii: Vec<String> = verdict
        .gains
        .iter()
        .filter(|gain| which(gain))
        .map(|gain| gain.radius.to_string())
        .collect();
    let (last, before) = radii.split_last()?;
    Some(if before.is_empty() { last.clone() } else { format!("{} and {last}", before.join(", ")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(pays: Pays, gains: &[(f64, f64, f64, f64)]) -> Verdict {
        let gain = |&(radius, points, low, high): &(f64, f64, f64, f64)| Gain {
            radius,
            single: 1,
            points,
            low,
            high,
            oracle: 9.0,
        };
        let gains = gains.iter().map(gain).collect();
        Verdict { router_accuracy: 0.9, pays, pool: vec![0, 2], inputs: 500, gains }
    }

    fn said(verdict: Verdict) -> String {
        let log = |name: &str| Log {
            name: name.to_owned(),
            rows: Vec::new(),
            decided: drs_analysis::Decided::Everywhere,
            notes: Vec::new(),
        };
        sentence(&[verdict], &[log("a"), log("b"), log("c")])
    }

    #[test]
    fn each_answer_says_where_and_against_what() {
        let yes = said(verdict(
            Pays::Yes,
            &[
                (0.0, -5.0, -7.0, -3.0),
                (0.5, 2.31, 0.44, 4.11),
                (1.0, 1.0, 0.1, 2.0),
                (2.0, 0.5, -1.0, 2.0),
            ],
        ));
        for text in [
            "yes, with a router that is right for 90 % of inputs",
            "a + c would certify more than the best single expert at r = 0.5 and 1, most at r = 0.5: 2.3 points more than b (interval 0.4 to 4.2)",
            "At r = 0 it would certify less.",
            "At r = 2 it is too close to tell.",
        ] {
            assert!(yes.contains(text), "{text}\n{yes}");
        }
        let no = said(verdict(Pays::No, &[(0.0, -5.0, -7.0, -3.0), (0.5, 0.2, -1.0, 0.6)]));
        assert!(
            no.contains("no, not even") && no.contains("at r = 0.5, 0.2 points more than b"),
            "{no}"
        );
        let none = said(verdict(Pays::No, &[(0.0, -5.0, -7.0, -3.0), (3.0, 0.0, 0.0, 0.0)]));
        assert!(none.contains("at no radius certify more") && !none.contains("r = 3"), "{none}");
        let close = said(verdict(Pays::TooClose, &[(0.5, 0.6, -1.2, 2.4)]));
        assert!(close.contains("too close to tell with 500 inputs"), "{close}");
        assert!(close.contains("0.6 points more than b (interval -1.2 to 2.4)"), "{close}");
        assert!(sentence(&[], &[]).contains("No verdict"));
    }
}
