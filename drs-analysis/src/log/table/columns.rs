//! Which column is what, and a row of them.

use drs_core::certificate::Binds;

use super::layout::{Line, NEEDED, USUAL, canonical};
use super::value::{Claim, claim, class, distance, number, plain, whole, wrong};
use crate::log::time::seconds;
use crate::log::{Routing, Row};

/// Where each column is.
pub(super) struct Columns {
    /// How many there are.
    count: usize,
    idx: usize,
    label: usize,
    predict: usize,
    radius: usize,
    correct: Option<usize>,
    time: Option<usize>,
    draws: Option<usize>,
    /// `expert`, `sigma`, `route_radius`, `class_radius`.
    routing: Option<[usize; 4]>,
}

impl Columns {
    /// From the names in a header.
    pub(super) fn find(header: &[String]) -> Result<Self, String> {
        let column = |name: &str| -> Result<Option<usize>, String> {
            // A name as it is goes before another that means the same.
            let exact = |found: &String| found.trim().eq_ignore_ascii_case(name);
            let meant = |found: &String| canonical(found) == name;
            let by_name = |is: &dyn Fn(&String) -> bool| -> Vec<usize> {
                (0..header.len()).filter(|&place| is(&header[place])).collect()
            };
            let places = Some(by_name(&exact)).filter(|places| !places.is_empty());
            match places.unwrap_or_else(|| by_name(&meant)).as_slice() {
                [] => Ok(None),
                [place] => Ok(Some(*place)),
                _ => Err(format!("two columns are named `{name}`: remove one")),
            }
        };
        let needed = |name: &str| {
            column(name)?.ok_or_else(|| {
                format!(
                    "no column `{name}`, found {}; expected a log with {} and, if there is one, correct",
                    header.join(", "),
                    NEEDED.join(", ")
                )
            })
        };
        let routing = [column("expert")?, column("sigma")?, column("route_radius")?];
        let routing = match (routing, column("class_radius")?) {
            ([Some(expert), Some(sigma), Some(route)], Some(class)) => {
                Some([expert, sigma, route, class])
            }
            _ => None,
        };
        // Our tables' time was the wait before they had a latency.
        let told_apart = routing.is_none() || column("latency")?.is_some();
        Ok(Self {
            count: without_ends(header, 0).len(),
            idx: needed("idx")?,
            label: needed("label")?,
            predict: needed("predict")?,
            radius: needed("radius")?,
            correct: column("correct")?,
            time: column("time")?.filter(|_| told_apart),
            draws: column("draws")?,
            routing,
        })
    }

    /// The usual order, if the first line of a table without a header is a row of it.
    pub(super) fn usual(lines: &[Line]) -> Option<Self> {
        let usual = Self::find(&USUAL.map(str::to_owned)).ok()?;
        usual.row(&lines.first()?.fields).ok()?;
        Some(usual)
    }

    /// Whether these are the columns of `drs certify`.
    pub(super) fn is_ours(&self) -> bool {
        self.routing.is_some() && self.draws.is_some()
    }

    /// Whether a line cannot be a row, not even one cut short: it does not begin with an
    /// index.
    pub(super) fn is_summary(&self, fields: &[String]) -> bool {
        match fields.get(self.idx) {
            // All else of a row is there: then it is one, with a wrong index.
            Some(field) if fields.len() >= self.count => {
                let others = [self.label, self.predict, self.radius];
                plain(field).is_none()
                    && !others.iter().all(|&place| plain(&fields[place]).is_some())
            }
            _ => fields.first().is_some_and(|field| whole("idx", field).is_err()),
        }
    }

    /// A row, and what its column `correct` says.
    pub(super) fn row(&self, fields: &[String]) -> Result<(Row, Claim), String> {
        let fields = without_ends(fields, self.count);
        if fields.len() != self.count {
            return Err(format!(
                "{} columns, expected {} as in the header: {}",
                fields.len(),
                self.count,
                if fields.len() < self.count {
                    "remove what is not a row, or was written half"
                } else {
                    "name every column in the header (pandas: write with index=False)"
                }
            ));
        }
        let text = |place: usize| fields[place].as_str();
        let predict = class("predict", "it abstained", text(self.predict))?;
        let time = |place| {
            let wrong = || wrong("time", text(place), "seconds or h:mm:ss");
            seconds(text(place)).ok_or_else(wrong)
        };
        let draws = |place| Ok::<_, String>(whole("draws", text(place))? as u64);
        let row = Row {
            index: whole("idx", text(self.idx))?,
            label: class("label", "it is not known", text(self.label))?,
            predict,
            radius: radius(predict, text(self.radius))?,
            seconds: self.time.map(time).transpose()?,
            draws: self.draws.map(draws).transpose()?,
            routing: self.routing.map(|places| routing(places.map(text))).transpose()?,
        };
        let claim = self.correct.map_or(Ok(Claim::None), |place| claim(text(place)))?;
        Ok((row, claim))
    }
}

/// The fields without empty ones behind the first `least`: separators at the ends of lines.
fn without_ends(fields: &[String], least: usize) -> &[String] {
    let filled = fields.iter().rposition(|field| !field.is_empty()).map_or(0, |last| last + 1);
    &fields[..filled.max(least).min(fields.len())]
}

/// The radius of an answer. Where there is none, scripts print whatever they had.
fn radius(predict: Option<usize>, text: &str) -> Result<f64, String> {
    if predict.is_none() {
        let is_nothing = ["", "-", "none"].iter().any(|word| text.eq_ignore_ascii_case(word));
        let known = plain(text).is_some() || is_nothing;
        return known.then_some(0.0).ok_or_else(|| wrong("radius", text, "a number"));
    }
    let expected = "a finite number: what was certified, or -1 in `predict` if nothing was";
    number("radius", text).map_err(|_| wrong("radius", text, expected))
}

fn routing([expert, sigma, route, class]: [&str; 4]) -> Result<Routing, String> {
    let route_radius = distance("route_radius", route)?;
    let class_radius = distance("class_radius", class)?;
    let closer = if route_radius < class_radius { Binds::Route } else { Binds::Class };
    let sigma = Some(sigma).filter(|sigma| *sigma != "-");
    Ok(Routing {
        expert: Some(expert).filter(|name| *name != "-").map(str::to_owned),
        sigma: sigma.map(|sigma| number("sigma", sigma)).transpose()?,
        route_radius,
        class_radius,
        binds: route_radius.is_finite().then_some(closer),
        set: None,
        stages: Vec::new(),
    })
}
