//! Labels, and names, that are numbers.

/// The value of a name of digits alone, zeros in front or not.
pub(super) fn value(name: &str) -> Option<usize> {
    let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| name.parse().ok()).flatten()
}

/// The value of a label in a text file, which may be written as a float.
pub(in crate::dataset) fn number(text: &str) -> Option<usize> {
    let is_float = text.starts_with(|c: char| c.is_ascii_digit());
    let float = || text.parse::<f64>().ok().filter(|value| value.fract() == 0.0 && *value < 1e9);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, from 0")]
    let whole = || float().map(|value| value as usize);
    value(text).or_else(|| is_float.then(whole).flatten())
}

/// The values of names that are all numbers; `None` if one is not.
pub(super) fn all(names: &[String]) -> Option<Vec<usize>> {
    names.iter().map(|name| value(name)).collect()
}

/// Whether models gave their classes numbers, which say no more than their places.
pub(super) fn are_places(experts: &[String]) -> bool {
    experts.iter().enumerate().all(|(class, name)| *name == class.to_string())
}

/// Numbers from `first` as classes from 0.
pub(super) fn counted(labels: &[usize], first: usize) -> Result<Vec<usize>, String> {
    let class = |(index, label): (usize, &usize)| {
        label.checked_sub(first).ok_or_else(|| {
            format!("input {index} has the label {label}, but --labels-from says that they count from {first}")
        })
    };
    labels.iter().enumerate().map(class).collect()
}

/// Numbers from `first` as the experts' classes, and a note where they look shifted.
pub(super) fn in_range(
    labels: &[usize],
    first: usize,
    classes: usize,
    name: impl Fn(usize) -> String,
) -> Result<(Vec<usize>, Option<String>), String> {
    let counted = counted(labels, first)?;
    let outside = || counted.iter().filter(|&&class| class >= classes);
    let (least, most) = (labels.iter().min().copied(), labels.iter().max().copied());
    let Some(index) = counted.iter().position(|&class| class >= classes) else {
        let is_shifted = first == 0 && least == Some(1);
        let note = is_shifted.then(|| format!(
            "no input has the label 0, they run from 1 to {}: if they count from 1, give --labels-from 1",
            most.unwrap_or_default()
        ));
        return Ok((counted, note));
    };
    let mut input = format!("input {index}");
    let name = name(index);
    if name != index.to_string() {
        input = format!("{input} ({name})");
    }
    let (label, last) = (labels[index], classes + first - 1);
    Err(format!(
        "{input} has the label {label}, expected {first} to {last}, as the experts know {classes} classes; {} of {} inputs have such a label{}",
        outside().count(),
        labels.len(),
        remedy(least.unwrap_or_default(), most.unwrap_or_default(), first, classes)
    ))
}

/// What may be behind numbers that are too large.
pub(super) fn remedy(least: usize, most: usize, first: usize, classes: usize) -> String {
    if first != 0 || least == 0 || most != classes {
        return "; --labels FILE takes other labels".to_owned();
    }
    let devkit = if classes == 1000 { format!(", unless {DEVKIT}") } else { String::new() };
    format!(
        "; they run from {least} to {most}, so they seem to count from 1: --labels-from 1 takes them so{devkit}"
    )
}

/// Why ImageNet's own ids are no classes.
pub(in crate::dataset) const DEVKIT: &str = "they are the ids of ImageNet's development kit: these follow an order of its own (meta.mat), while models count the sorted synsets from 0; docs/data.md tells how to make a table of synsets of them";

#[cfg(test)]
mod tests {
    use super::*;

    fn range(labels: &[usize], first: usize, classes: usize) -> Result<Vec<usize>, String> {
        in_range(labels, first, classes, |i| format!("{i}.png")).map(|(labels, _)| labels)
    }

    #[test]
    fn numbers_are_digits_alone() {
        assert_eq!((value("010"), value("9"), value("0")), (Some(10), Some(9), Some(0)));
        for text in ["", "+5", "-1", "1.0", "n01", "99999999999999999999999"] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn labels_may_be_written_as_floats() {
        assert_eq!(
            (number("3.0"), number("1.000e+01"), number("007")),
            (Some(3), Some(10), Some(7))
        );
        for text in ["3.5", "-1.0", "nan", "inf", "1e99", "n01", ""] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn labels_outside_the_classes_are_counted() {
        let error = range(&[0, 5, 2, 7], 0, 3).unwrap_err();
        assert!(error.contains("input 1 (1.png) has the label 5, expected 0 to 2"), "{error}");
        assert!(error.contains("2 of 4 inputs") && !error.contains("--labels-from"), "{error}");
        assert_eq!(range(&[0, 2], 0, 3).unwrap(), [0, 2]);
    }

    #[test]
    fn labels_up_to_the_number_of_classes_are_questioned() {
        let error = range(&[3, 1, 2], 0, 3).unwrap_err();
        assert!(error.contains("run from 1 to 3") && error.contains("--labels-from 1"), "{error}");
        assert!(!error.contains("development kit"), "{error}");
        let ids: Vec<usize> = (1..=1000).collect();
        assert!(range(&ids, 0, 1000).unwrap_err().contains("development kit"));
        assert_eq!(range(&[3, 1, 2], 1, 3).unwrap(), [2, 0, 1]);
        assert!(range(&[3, 0], 1, 3).unwrap_err().contains("input 1 has the label 0"));
        assert!(range(&[4], 1, 3).unwrap_err().contains("expected 1 to 3"));
    }

    #[test]
    fn labels_without_0_are_noted() {
        let note = |labels: &[usize], first| in_range(labels, first, 9, |i| i.to_string());
        assert!(note(&[1, 2], 0).unwrap().1.unwrap().contains("--labels-from 1"));
        for (labels, first) in [(&[1, 2][..], 1), (&[0, 1], 0), (&[2, 3], 0), (&[], 0)] {
            assert!(note(labels, first).unwrap().1.is_none(), "{labels:?}");
        }
    }
}
