//! Values that several commands take.

use drs_core::design::GROWTHS;
use drs_core::lattice::Shape;
use drs_core::units::Alpha;

pub(super) fn parse_radius(text: &str) -> Result<f64, String> {
    let value = text.trim().parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0);
    value.ok_or_else(|| "expected a number from 0".to_owned())
}

pub(super) fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("{text} is not a number from 0 to 1"))
}

pub(super) fn parse_inner_share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|&share: &f64| share > 0.0 && share < 1.0);
    share.ok_or_else(|| "expected a number between 0 and 1, neither of them".to_owned())
}

pub(super) fn parse_growth(text: &str) -> Result<f64, String> {
    let growth = text.parse().ok().filter(|growth| GROWTHS.contains(growth));
    let (least, most) = (GROWTHS.start(), GROWTHS.end());
    growth.ok_or_else(|| format!("expected a number from {least} to {most}"))
}

pub(super) fn parse_end(text: &str) -> Result<f64, String> {
    let end = text.parse().ok().filter(|end: &f64| end.is_finite() && *end > 0.0);
    end.ok_or_else(|| format!("{text} is not a number above 0"))
}

pub(super) fn parse_futility(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value| (0.0..=0.5).contains(value));
    value.ok_or_else(|| "expected a number from 0 to 0.5".to_owned())
}

pub(super) fn parse_alpha(text: &str) -> Result<Alpha, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    Alpha::new(value).map_err(|error| error.to_string())
}

pub(super) fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "expected a number from 0.1 to 3600".to_owned())
}

pub(super) fn parse_severity(text: &str) -> Result<usize, String> {
    let severity = text.parse().ok().filter(|severity| (1..=5).contains(severity));
    severity.ok_or_else(|| "expected 1 to 5".to_owned())
}

pub(super) fn parse_positive(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|&value| value > 0)
        .ok_or_else(|| "expected a whole number from 1".to_owned())
}

pub(crate) fn parse_shape(text: &str) -> Result<Shape, String> {
    let dims: Option<Vec<usize>> = text.split(',').map(|dim| dim.trim().parse().ok()).collect();
    let dims: Option<[usize; 3]> = dims.and_then(|dims| dims.try_into().ok());
    dims.and_then(|dims| Shape::new(dims).ok())
        .ok_or_else(|| "expected C,H,W, each at least 1, such as 3,32,32".to_owned())
}

pub(crate) fn parse_sigma(text: &str) -> Result<f64, String> {
    let sigma = text.trim().parse().ok().filter(|sigma: &f64| sigma.is_finite() && *sigma > 0.0);
    sigma.ok_or_else(|| format!("\"{text}\" found, expected a number above 0, such as 0.25"))
}
