//! Tab-separated logs, ours and as the field publishes them.

use std::io::Read;

use csv::{Position, ReaderBuilder, StringRecord};
use drs_core::certificate::Binds;

use super::time::seconds;
use super::{Routing, Row};

/// Rows with their lines.
///
/// The header has at least `idx`, `label` (−1 is unknown), `predict` (−1 abstains),
/// `radius` and `correct`, in any order. `time`, `expert`, `sigma`, `route_radius`, `class_radius` and
/// `draws` are read where they are there, other columns ignored.
pub(super) fn rows(text: impl Read) -> Result<Vec<(u64, Row)>, String> {
    let mut reader = ReaderBuilder::new().delimiter(b'\t').from_reader(text);
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let columns = Columns::find(&header)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, Position::line);
        let row = columns.row(&record).map_err(|problem| format!("line {line}: {problem}"))?;
        rows.push((line, row));
    }
    Ok(rows)
}

/// Where each column is.
struct Columns {
    idx: usize,
    label: usize,
    predict: usize,
    radius: usize,
    correct: usize,
    time: Option<usize>,
    draws: Option<usize>,
    /// `expert`, `sigma`, `route_radius`, `class_radius`.
    routing: Option<[usize; 4]>,
}

impl Columns {
    fn find(header: &StringRecord) -> Result<Self, String> {
        let column = |name: &str| header.iter().position(|column| column == name);
        let needed = |name: &str| {
            let found = || header.iter().collect::<Vec<_>>().join(", ");
            column(name).ok_or_else(|| {
                format!("no column `{name}` in the first line, found {}; expected a tab-separated log with idx, label, predict, radius and correct", found())
            })
        };
        let routing = ["expert", "sigma", "route_radius", "class_radius"].map(column);
        let routing = match routing {
            [Some(expert), Some(sigma), Some(route), Some(class)] => {
                Some([expert, sigma, route, class])
            }
            _ => None,
        };
        Ok(Self {
            idx: needed("idx")?,
            label: needed("label")?,
            predict: needed("predict")?,
            radius: needed("radius")?,
            correct: needed("correct")?,
            time: column("time"),
            draws: column("draws"),
            routing,
        })
    }

    fn row(&self, record: &StringRecord) -> Result<Row, String> {
        let text = |place: usize| record.get(place).unwrap_or_default().trim();
        let class = |name: &str, place: usize| match number(name, text(place))? {
            -1.0 => Ok(None),
            _ => whole(name, text(place)).map(Some),
        };
        let label = class("label", self.label)?;
        let predict = class("predict", self.predict)?;
        let radius = number("radius", text(self.radius))?;
        let correct = whole("correct", text(self.correct))? == 1;
        if correct != (label.is_some() && predict == label) {
            let (label, predict, correct) =
                (text(self.label), text(self.predict), text(self.correct));
            return Err(format!(
                "`correct` is {correct}, but `label` is {label} and `predict` is {predict}"
            ));
        }
        let time = |place| {
            let text = text(place);
            let wrong = || format!("`time` is \"{text}\", expected seconds or h:mm:ss");
            seconds(text).ok_or_else(wrong)
        };
        let draws = |place| Ok::<_, String>(whole("draws", text(place))? as u64);
        let routing = |[expert, sigma, route, class]: [usize; 4]| {
            let route_radius = distance("route_radius", text(route))?;
            let class_radius = distance("class_radius", text(class))?;
            let closer = if route_radius < class_radius { Binds::Route } else { Binds::Class };
            let expert = Some(text(expert)).filter(|name| *name != "-").map(str::to_owned);
            let sigma = Some(text(sigma)).filter(|sigma| *sigma != "-");
            let sigma = sigma.map(|sigma| number("sigma", sigma)).transpose()?;
            let binds = route_radius.is_finite().then_some(closer);
            let (set, stages) = (None, Vec::new());
            Ok::<_, String>(Routing {
                expert,
                sigma,
                route_radius,
                class_radius,
                binds,
                set,
                stages,
            })
        };
        Ok(Row {
            index: whole("idx", text(self.idx))?,
            label,
            predict,
            radius: radius.max(0.0),
            seconds: self.time.map(time).transpose()?,
            draws: self.draws.map(draws).transpose()?,
            routing: self.routing.map(routing).transpose()?,
        })
    }
}

fn number(name: &str, text: &str) -> Result<f64, String> {
    let finite = distance(name, text)?;
    finite.is_finite().then_some(finite).ok_or_else(|| wrong(name, text, "a number"))
}

/// A number or +∞.
fn distance(name: &str, text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| *value > f64::NEG_INFINITY);
    value.ok_or_else(|| wrong(name, text, "a number"))
}

fn whole(name: &str, text: &str) -> Result<usize, String> {
    let value = number(name, text)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    let whole = value as usize;
    let exact = (whole as f64 - value).abs() == 0.0;
    exact.then_some(whole).ok_or_else(|| wrong(name, text, "a whole number from 0"))
}

fn wrong(name: &str, found: &str, expected: &str) -> String {
    format!("`{name}` is \"{found}\", expected {expected}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "idx\tlabel\tpredict\tradius\tcorrect\ttime\n\
                       0\t3\t3\t1.52\t1\t0:00:03.8\n\
                       20\t8\t-1\t0.0\t0\t15.4\n";
    const OURS: &str = "idx\tlabel\tpredict\tradius\tcorrect\ttime\texpert\tsigma\troute_radius\tclass_radius\tdraws\n\
                        0\t8\t8\t0.341777\t1\t2.386\ts100\t1\t1.203514\t0.341777\t1997\n\
                        1\t8\t-1\t0\t0\t2.386\t-\t-\tinf\t0.3\t200\n";

    fn problem(text: &str) -> String {
        rows(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn published_logs_have_two_time_formats_and_abstentions() {
        let rows = rows(LOG.as_bytes()).unwrap();
        let first = Row {
            index: 0,
            label: Some(3),
            predict: Some(3),
            radius: 1.52,
            seconds: Some(3.8),
            draws: None,
            routing: None,
        };
        assert_eq!(rows[0], (2, first));
        let (line, row) = &rows[1];
        assert_eq!((*line, row.index, row.predict, row.seconds), (3, 20, None, Some(15.4)));
    }

    #[test]
    fn an_unknown_label_makes_nothing_right() {
        let unknown = LOG.replace("0\t3\t3\t1.52\t1", "0\t-1\t3\t1.52\t0");
        let (_, row) = &rows(unknown.as_bytes()).unwrap()[0];
        assert_eq!((row.label, row.predict, row.correct()), (None, Some(3), false));
        assert!(
            problem(&LOG.replace("20\t8\t-1\t0.0\t0", "20\t-1\t-1\t0.0\t1")).contains("line 3")
        );
    }

    #[test]
    fn our_columns_are_read_too() {
        let rows = rows(OURS.as_bytes()).unwrap();
        let routing = rows[0].1.routing.clone().unwrap();
        assert_eq!((routing.expert.as_deref(), routing.binds), (Some("s100"), Some(Binds::Class)));
        assert_eq!(rows[0].1.draws, Some(1997));
        let routing = rows[1].1.routing.clone().unwrap();
        assert_eq!((routing.expert, routing.binds), (None, None));
    }

    #[test]
    fn problems_are_named_by_line_and_column() {
        assert!(problem("idx\tlabel\n1\t2\n").contains("`predict`"));
        let bad = LOG.replace("1.52", "wide");
        assert!(problem(&bad).contains("line 2: `radius` is \"wide\""), "{}", problem(&bad));
        assert!(problem(&LOG.replace("20\t", "2.5\t")).contains("line 3: `idx`"));
        assert!(problem(&LOG.replace("\t15.4", "")).contains("line: 3"));
        assert!(problem(&LOG.replace("15.4", "later")).contains("line 3: `time`"));
        assert!(problem(&LOG.replace("0\t3\t3", "0\t3\t4")).contains("line 2: `correct` is 1"));
        assert!(problem(&LOG.replace("1.52", "inf")).contains("line 2: `radius`"));
    }
}
