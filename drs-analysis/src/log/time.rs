//! The two ways in which logs give times.

/// Seconds from `15.4` or `0:00:13.736080` (Python's timedelta, also `1 day, 0:00:01`).
pub(super) fn seconds(text: &str) -> Option<f64> {
    let (days, clock) = match text.split_once(" day") {
        Some((days, rest)) => {
            (days.parse().ok()?, rest.trim_start_matches('s').trim_start_matches(','))
        }
        None => (0.0, text),
    };
    let place = |total: f64, part: &str| Some(total * 60.0 + part.trim().parse::<f64>().ok()?);
    let seconds = clock.split(':').try_fold(0.0, place)? + days * 86_400.0;
    (seconds.is_finite() && seconds >= 0.0 && clock.matches(':').count() <= 2).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn both_formats_are_seconds() {
        assert_eq!(seconds("15.4"), Some(15.4));
        assert_eq!(seconds("1:02:03.5"), Some(3723.5));
        assert_eq!(seconds("2 days, 0:00:01"), Some(172_801.0));
        for wrong in ["", "-1", "soon", "1:2:3:4", "nan"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
