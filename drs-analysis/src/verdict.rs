//! Whether routing would pay, in a word, and how well that is known.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF as _, Normal};

use crate::joint::Joint;
use crate::plan::Pool;

/// A gain below this many points is not worth a router.
const WORTH: f64 = 1.0;

/// The probability with which any of the intervals may miss.
const MISS: f64 = 0.05;

/// Whether routing would pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pays {
    /// At one of the radii at least: the interval of the gain is above 0.
    Yes,
    /// At none of them: a gain of one point is outside of all intervals.
    No,
    /// Neither can be said with so many inputs.
    TooClose,
}

/// What routing would gain at a radius over the best single log, in points.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gain {
    /// The radius.
    pub radius: f64,
    /// The best single log of all, by place.
    pub single: usize,
    /// Expected certified accuracy less that of the best single log.
    pub points: f64,
    /// Lower end of the interval; all intervals hold together with probability 95 %.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// The gain if no input went astray.
    pub oracle: f64,
}

/// What a router of some accuracy would make of the most promising pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Share of inputs that go to the best expert: 0 to 1.
    pub router_accuracy: f64,
    /// Whether routing would pay.
    pub pays: Pays,
    /// The pool with the largest expected certified accuracy, on average over the radii:
    /// logs by place.
    pub pool: Vec<usize>,
    /// Inputs that this rests on.
    pub inputs: usize,
    /// At each radius that the logs decide.
    pub gains: Vec<Gain>,
}

impl Verdict {
    /// Of these pools, with a router of this accuracy; `None` if there is no radius that
    /// all logs decide, or no pool.
    ///
    /// # Formula
    /// For each input the gain is q·o + (1 − q)·a − s: o, a and s tell whether the oracle,
    /// the mean of the pool's other experts and the single expert certify it. Its mean has
    /// the adjusted Wald interval of paired proportions (Bonett & Price 2012: one pseudo
    /// input of gain 1 and one of −1), at the level 0.05 over radii and pools
    /// (Bonferroni), since the pool is chosen by the same inputs.
    #[must_use]
    pub fn of(joint: &Joint<'_>, pools: &[Pool], accuracy: f64, radii: &[f64]) -> Option<Self> {
        let whole = pools.last()?;
        let decided: Vec<f64> =
            radii.iter().copied().filter(|&radius| whole.is_decided_at(radius)).collect();
        if decided.is_empty() {
            return None;
        }
        let worth = |pool: &Pool| decided.iter().map(|&r| pool.expected(accuracy, r)).sum::<f64>();
        let better = |best, next| if worth(next) > worth(best) { next } else { best };
        let pool = pools.iter().reduce(better)?;
        let level = MISS / (decided.len() * pools.len()) as f64;
        let gains = decided.iter().filter_map(|&r| gain(joint, pool, accuracy, r, level));
        let gains: Vec<Gain> = gains.collect();
        let pays = if gains.iter().any(|gain| gain.low > 0.0) {
            Pays::Yes
        } else if gains.iter().all(|gain| gain.high < WORTH) {
            Pays::No
        } else {
            Pays::TooClose
        };
        let inputs = whole.oracle().inputs();
        Some(Self { router_accuracy: accuracy, pays, pool: pool.members.clone(), inputs, gains })
    }

    /// The radius where most is gained.
    #[must_use]
    pub fn best(&self) -> Option<&Gain> {
        self.gains.iter().reduce(|best, next| if next.points > best.points { next } else { best })
    }
}

fn gain(joint: &Joint<'_>, pool: &Pool, accuracy: f64, radius: f64, level: f64) -> Option<Gain> {
    let best = joint.envelope(radius)?.log;
    let single = joint.logs().iter().position(|log| std::ptr::eq(log, best))?;
    let (mut sum, mut squares, mut oracle, mut inputs) = (0.0, 0.0, 0.0, 0.0);
    for rows in joint.inputs() {
        let certified = |log: usize| rows[log].certified(radius);
        let by = pool.members.iter().filter(|&&log| certified(log)).count();
        let best = f64::from(by > 0);
        let astray = (by as f64 - best) / (pool.members.len() - 1) as f64;
        let own = f64::from(certified(single));
        let gain = accuracy * best + (1.0 - accuracy) * astray - own;
        sum += gain;
        squares += gain * gain;
        oracle += best - own;
        inputs += 1.0;
    }
    let adjusted = inputs + 2.0;
    let centre = sum / adjusted;
    let variance = ((squares + 2.0) / adjusted - centre * centre).max(0.0);
    let half = Normal::standard().inverse_cdf(1.0 - level / 2.0) * (variance / adjusted).sqrt();
    Some(Gain {
        radius,
        single,
        points: 100.0 * sum / inputs,
        low: 100.0 * (centre - half),
        high: 100.0 * (centre + half),
        oracle: 100.0 * oracle / inputs,
    })
}

#[cfg(test)]
mod tests {
    use drs_core::sampling::Stopping;

    use super::*;
    use crate::decided::{Decided, Stopped};
    use crate::log::{Log, Row};

    fn log(name: &str, radii: impl Iterator<Item = f64>) -> Log {
        let row = |(index, radius): (usize, f64)| Row {
            index,
            label: Some(0),
            predict: (radius > 0.0).then_some(0),
            radius,
            seconds: None,
            draws: None,
            routing: None,
        };
        Log::exact(name, radii.enumerate().map(row).collect())
    }

    /// Two experts that each certify their own share of inputs to r = 1, and a third of no use.
    fn logs(inputs: u32, near: f64, far: f64) -> [Log; 3] {
        let place = move |i: u32| f64::from(i) / f64::from(inputs);
        [
            log("near", (0..inputs).map(move |i| if place(i) < near { 1.0 } else { 0.0 })),
            log("far", (0..inputs).map(move |i| if place(i) >= 1.0 - far { 1.0 } else { 0.0 })),
            log("poor", (0..inputs).map(|_| 0.0)),
        ]
    }

    fn verdict(logs: &[Log], accuracy: f64) -> Verdict {
        let joint = Joint::new(logs).unwrap();
        Verdict::of(&joint, &Pool::all(&joint), accuracy, &[0.5]).unwrap()
    }

    #[test]
    fn the_interval_is_the_one_of_paired_proportions() {
        let logs = logs(100, 0.5, 0.3);
        let found = verdict(&logs, 1.0);
        assert_eq!((found.pool.as_slice(), found.inputs), ([0, 1].as_slice(), 100));
        let gain = &found.gains[0];
        assert_eq!((gain.single, gain.oracle), (0, 30.0));
        assert!((gain.points - 30.0).abs() < 1e-12);
        // Bonett & Price: f12 = 30, f21 = 0, n = 100; z of 0.05 over four pools.
        let (more, less) = (31.0 / 102.0, 1.0 / 102.0);
        let z = 2.497_705_474;
        let half = z * ((more + less - (more - less) * (more - less)) / 102.0f64).sqrt();
        assert!((gain.low - 100.0 * (more - less - half)).abs() < 1e-6, "{gain:?}");
        assert!((gain.high - 100.0 * (more - less + half)).abs() < 1e-6, "{gain:?}");
    }

    #[test]
    fn the_answer_follows_the_interval() {
        let many = logs(4000, 0.5, 0.3);
        assert_eq!(verdict(&many, 0.9).pays, Pays::Yes);
        // Right for half of the inputs, it certifies less than near alone.
        assert_eq!(verdict(&many, 0.5).pays, Pays::No);
        let found = verdict(&logs(10, 0.5, 0.3), 0.7);
        assert_eq!(found.pays, Pays::TooClose, "{found:?}");
        let joint = Joint::new(&many).unwrap();
        let expected = Pool::all(&joint)[0].expected(0.9, 0.5) - 0.5;
        assert!((verdict(&many, 0.9).gains[0].points - 100.0 * expected).abs() < 1e-9);
    }

    #[test]
    fn radii_that_were_not_decided_have_no_part_in_it() {
        let mut some = logs(100, 0.5, 0.3);
        some[0].decided = Decided::Stopped(vec![Stopped {
            rule: Stopping::Radii(vec![0.0, 2.0]),
            ceiling: f64::INFINITY,
        }]);
        let joint = Joint::new(&some).unwrap();
        let pools = Pool::all(&joint);
        let found = Verdict::of(&joint, &pools, 0.9, &[0.0, 0.5, 1.5]).unwrap();
        // At 0.5 all of near's answers count; at 1.5 none does, and all may.
        assert_eq!(found.gains.iter().map(|gain| gain.radius).collect::<Vec<_>>(), [0.0, 0.5]);
        assert_eq!(Verdict::of(&joint, &pools, 0.9, &[1.5]), None);
    }
}
