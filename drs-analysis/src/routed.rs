//! What routing did in a run.

use std::collections::BTreeMap;

use drs_core::certificate::Binds;
use drs_core::pool::Phase;
use serde::Serialize;

use crate::log::{Log, Routing, Row};

/// A routed run in numbers of inputs, and in means over inputs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Routed {
    /// Inputs per expert; what was routed nowhere has no name.
    pub experts: BTreeMap<Option<String>, usize>,
    /// Certified inputs whose route is weaker than their class.
    pub route_binds: usize,
    /// Certified inputs whose class is the weaker.
    pub class_binds: usize,
    /// Mean radius of the certified inputs.
    pub radius: f64,
    /// What it would be if only the class had to hold: the chosen expert's own radius.
    pub class_radius: f64,
    /// Certified inputs by the number of experts that the radius rests on; only
    /// records tell.
    pub sets: BTreeMap<usize, usize>,
    /// Mean draws per input, by model and phase in the order of the record.
    pub stages: Vec<StageDraws>,
}

/// The draws of one model in one phase.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageDraws {
    /// `router` or the expert's name.
    pub model: String,
    /// What they were for.
    pub phase: Phase,
    /// Inputs that had this stage.
    pub inputs: usize,
    /// Mean over all inputs.
    pub mean: f64,
    /// The most of any input.
    pub most: u64,
}

impl Routed {
    /// `None` if no row of the log was routed.
    #[must_use]
    pub fn of(log: &Log) -> Option<Self> {
        let routed = |row: &'_ Row| row.routing.as_ref().is_some_and(|r| r.binds.is_some());
        if !log.rows.iter().any(routed) {
            return None;
        }
        let mut experts = BTreeMap::new();
        let mut sets = BTreeMap::new();
        let mut stages: Vec<StageDraws> = Vec::new();
        let (mut certified, mut route_binds, mut class_binds) = (0usize, 0, 0);
        let (mut radius, mut class_radius) = (0.0, 0.0);
        for (row, routing) in log.rows.iter().filter_map(|row| Some((row, row.routing.as_ref()?))) {
            *experts.entry(routing.expert.clone()).or_default() += 1;
            count_draws(&mut stages, routing);
            if row.predict.is_none() {
                continue;
            }
            certified += 1;
            route_binds += usize::from(routing.binds == Some(Binds::Route));
            class_binds += usize::from(routing.binds == Some(Binds::Class));
            radius += row.radius;
            // Where rivals are bounded too the radius may exceed the class's own.
            class_radius += routing.class_radius.max(row.radius);
            if let Some(size) = routing.set {
                *sets.entry(size).or_default() += 1;
            }
        }
        stages.iter_mut().for_each(|stage| stage.mean /= log.rows.len() as f64);
        let mean = |sum: f64| if certified == 0 { 0.0 } else { sum / certified as f64 };
        let (radius, class_radius) = (mean(radius), mean(class_radius));
        Some(Self { experts, route_binds, class_binds, radius, class_radius, sets, stages })
    }
}

/// Adds up; the mean is a sum until the end.
fn count_draws(stages: &mut Vec<StageDraws>, routing: &Routing) {
    for draws in &routing.stages {
        let same =
            |stage: &&mut StageDraws| (&stage.model, stage.phase) == (&draws.model, draws.phase);
        if stages.iter_mut().find(same).is_none() {
            let (model, phase) = (draws.model.clone(), draws.phase);
            stages.push(StageDraws { model, phase, inputs: 0, mean: 0.0, most: 0 });
        }
        if let Some(stage) = stages.iter_mut().find(same) {
            stage.inputs += 1;
            stage.mean += draws.count as f64;
            stage.most = stage.most.max(draws.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Draws;

    fn row(index: usize, predict: Option<usize>, radius: f64, route: f64, class: f64) -> Row {
        let binds = if route < class { Binds::Route } else { Binds::Class };
        let stages = vec![Draws {
            model: "router".into(),
            phase: Phase::Estimation,
            count: 100 + index as u64,
        }];
        let expert = predict.map(|_| "s025".to_owned());
        let routing = Routing {
            expert,
            sigma: None,
            route_radius: route,
            class_radius: class,
            binds: Some(binds),
            set: Some(1 + index),
            stages,
        };
        let (seconds, draws) = (None, None);
        Row { index, label: Some(0), predict, radius, seconds, draws, routing: Some(routing) }
    }

    #[test]
    fn a_route_costs_what_the_class_alone_had_certified_beyond_it() {
        let rows = vec![
            row(0, Some(0), 0.5, 0.5, 1.0),
            row(1, Some(0), 0.7, 2.0, 0.7),
            row(2, None, 0.0, 0.0, 0.9),
        ];
        let mut log = Log::exact("a", rows);
        let routed = Routed::of(&log).unwrap();
        assert_eq!((routed.route_binds, routed.class_binds), (1, 1));
        assert_eq!((routed.radius, routed.class_radius), (0.6, 0.85));
        assert_eq!(routed.experts[&Some("s025".to_owned())], 2);
        assert_eq!(routed.experts[&None], 1);
        assert_eq!(routed.sets, BTreeMap::from([(1, 1), (2, 1)]));
        let stage = &routed.stages[0];
        assert_eq!((stage.inputs, stage.mean, stage.most), (3, 101.0, 102));
        log.rows.iter_mut().for_each(|row| row.routing = None);
        assert_eq!(Routed::of(&log), None);
    }
}
