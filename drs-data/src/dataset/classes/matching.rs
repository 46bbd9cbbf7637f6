//! Names of a data set's classes among those of the experts.

use super::Names;
use super::keyed::{Keyed, Places};
use super::list::{quoted, some};
use super::numbers;
use super::told::{mismatch, pairs};

/// What the names came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Matched {
    /// The experts' class for each name; `None` where no label has the name and no class fits.
    pub(super) places: Places,
    /// What to call the experts' classes.
    pub(super) classes: Vec<String>,
    /// What was assumed.
    pub(super) note: Option<String>,
}

/// The first name is the first class, and so on.
pub(super) fn by_place(names: &Names, experts: &[String]) -> Result<Matched, String> {
    let Names { list, what, .. } = names;
    if list.len() > experts.len() {
        return Err(format!(
            "--classes by-place: there are {} {what} ({}), but the experts know {} classes ({})",
            list.len(),
            some(list),
            experts.len(),
            some(experts)
        ));
    }
    // The data set's names tell more than numbers do.
    let is_told = numbers::are_places(experts) && list.len() == experts.len();
    Ok(Matched {
        places: (0..list.len()).map(Some).collect(),
        classes: if is_told { list } else { experts }.to_vec(),
        note: Some(format!("the {what} are taken for the experts' classes by their places: {}", {
            let pair = |(name, class): (&String, &String)| format!("{name} is {class}");
            some(&list.iter().zip(experts).map(pair).collect::<Vec<_>>())
        })),
    })
}

/// Names that some label has (`used`) must all be names of the experts' classes. Numbers count
/// from `first`.
pub(super) fn by_name(
    names: &Names,
    used: &[bool],
    experts: &[String],
    first: usize,
) -> Result<Matched, String> {
    let Names { list, what, .. } = names;
    let named: Vec<&str> =
        list.iter().zip(used).filter(|(_, used)| **used).map(|(name, _)| name.as_str()).collect();
    let values: Option<Vec<usize>> = named.iter().map(|name| numbers::value(name)).collect();
    let matched = |places, note| Ok(Matched { places, classes: experts.to_vec(), note });
    if first > 0 {
        return match values {
            Some(values) => {
                let (places, note) = by_number(names, &values, experts, first)?;
                matched(places, note)
            }
            None => Err(format!(
                "--labels-from is for labels that are numbers, but the {what} are names: {}",
                quoted(&named)
            )),
        };
    }
    if list == experts {
        return matched((0..list.len()).map(Some).collect(), None);
    }
    let is_as_long = numbers::are_places(experts) && list.len() == experts.len();
    if names.are_stored_places && is_as_long {
        return told_by_place(names, experts);
    }
    let keyed = Keyed { list, used, experts };
    let are_numbers = values.is_some() && numbers::are_places(experts);
    if !are_numbers && let Some(places) = keyed.places(|name| Some(name.to_owned())) {
        return matched(places, None);
    }
    if let Some(values) = values {
        // Experts' names that are numbers are the same numbers; else numbers count classes.
        let numbered = numbers::all(experts).is_some() && !numbers::are_places(experts);
        let places = if numbered { keyed.places(numbers::value) } else { None };
        let (places, note) = match places {
            Some(places) => (places, None),
            None if numbered => return Err(mismatch(names, &named, experts)),
            None => by_number(names, &values, experts, first)?,
        };
        return matched(places, note);
    }
    if let Some(places) = keyed.places(folded) {
        let note = format!(
            "the {what} are the experts' classes but for upper case, blanks and punctuation, which do not count: {}",
            pairs(list, &places, experts)
        );
        return matched(places, Some(note));
    }
    let is_number = |name: &&str| {
        name.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
            && name.parse::<f64>().is_ok()
    };
    if is_as_long && !named.iter().any(is_number) {
        return told_by_place(names, experts);
    }
    Err(mismatch(names, &named, experts))
}

/// The same for experts whose classes have no names, which says so.
fn told_by_place(names: &Names, experts: &[String]) -> Result<Matched, String> {
    let mut matched = by_place(names, experts)?;
    matched.note = matched.note.map(|note| {
        format!("the experts' classes have no names, so {note} (--classes NAMES tells others)")
    });
    Ok(matched)
}

/// Lower case without blanks and punctuation.
fn folded(name: &str) -> Option<String> {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    Some(letters.flat_map(char::to_lowercase).collect()).filter(|key: &String| !key.is_empty())
}

/// Names that are numbers count the experts' classes.
fn by_number(
    names: &Names,
    values: &[usize],
    experts: &[String],
    first: usize,
) -> Result<(Places, Option<String>), String> {
    let Names { list, what, .. } = names;
    let class = |value: usize| value.checked_sub(first).filter(|&class| class < experts.len());
    let (least, most) = (values.iter().min().copied(), values.iter().max().copied());
    let (least, most) = (least.unwrap_or_default(), most.unwrap_or_default());
    let outside: Vec<String> =
        values.iter().filter(|&&value| class(value).is_none()).map(usize::to_string).collect();
    if !outside.is_empty() {
        return Err(format!(
            "{what} that are numbers count the experts' {} classes, and {} {} not from {first} to {}{}",
            experts.len(),
            some(&outside),
            if outside.len() == 1 { "is" } else { "are" },
            experts.len() + first - 1,
            numbers::remedy(least, most, first, experts.len())
        ) + if values.is_sorted() {
            ""
        } else {
            "; for a model that was trained on places in the order of texts, 10 before 2 (torchvision, Keras), give --classes by-place"
        });
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("two {what} are the number {}", twice[0]));
    }
    let places: Places = list.iter().map(|name| class(numbers::value(name)?)).collect();
    let note = if !numbers::are_places(experts) {
        let told = pairs(list, &places, experts);
        Some(format!("the {what} are numbers, which count the experts' classes: {told}"))
    } else if first == 0 && least == 1 {
        Some(format!(
            "there is no 0 among the {what}, they run from 1 to {most}: if they count from 1, give --labels-from 1"
        ))
    } else if values.is_sorted() {
        None
    } else {
        Some(format!(
            "the {what} are taken as numbers, {least} to {most}, not in the order of texts, in which 10 comes before 2; for a model that was trained on places in that order (torchvision, Keras) give --classes by-place"
        ))
    };
    Ok((places, note))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn names(list: &[&str]) -> Names {
        Names { list: texts(list), what: "class folders".to_owned(), are_stored_places: false }
    }

    fn numbered(count: usize) -> Vec<String> {
        (0..count).map(|class| class.to_string()).collect()
    }

    fn match_from(own: &[&str], experts: &[String], first: usize) -> Result<Matched, String> {
        by_name(&names(own), &vec![true; own.len()], experts, first)
    }

    fn places(own: &[&str], experts: &[&str]) -> Vec<usize> {
        let matched = match_from(own, &texts(experts), 0).unwrap();
        matched.places.into_iter().flatten().collect()
    }

    fn error(own: &[&str], experts: &[&str]) -> String {
        match_from(own, &texts(experts), 0).unwrap_err()
    }

    #[test]
    fn stored_places_are_places_whatever_the_names_look_like() {
        let numbered = |count: usize| (0..count).map(|class| class.to_string()).collect::<Vec<_>>();
        let stored = |list: &[&str]| Names { are_stored_places: true, ..names(list) };
        for list in [&["0", "1", "10", "2"][..], &["0", "1", "A", "B"]] {
            let matched = by_name(&stored(list), &[true; 4], &numbered(4), 0).unwrap();
            assert_eq!(matched.places, [Some(0), Some(1), Some(2), Some(3)]);
            assert!(matched.note.unwrap().contains("--classes NAMES"));
            // Folders store none.
            assert!(by_name(&names(list), &[true; 4], &numbered(4), 0).is_err());
        }
        let sorted = by_name(&stored(&["0", "1"]), &[true; 2], &numbered(2), 0).unwrap();
        assert_eq!(sorted.note, None);
    }

    #[test]
    fn names_are_classes_in_any_order_and_number() {
        let experts = ["owl", "cat", "eel"];
        assert_eq!(places(&["cat", "eel", "owl"], &experts), [1, 2, 0]);
        assert_eq!(places(&["eel"], &experts), [2]);
        assert_eq!(match_from(&["eel"], &texts(&experts), 0).unwrap().note, None);
        // A name that no label has is of no matter.
        let spare = by_name(&names(&["eel", "x"]), &[true, false], &texts(&experts), 0).unwrap();
        assert_eq!(spare.places, [Some(2), None]);
    }

    #[test]
    fn numbers_are_numbers() {
        let own = ["0", "1", "10", "2", "3", "4", "5", "6", "7", "8", "9"];
        let matched = match_from(&own, &numbered(11), 0).unwrap();
        let values: Vec<Option<usize>> = own.iter().map(|name| name.parse().ok()).collect();
        assert_eq!(matched.places, values);
        // Models that were trained on places in the order of texts mean others by them.
        let note = matched.note.unwrap();
        assert!(note.contains("10 comes before 2") && note.contains("by-place"), "{note}");
        assert_eq!(match_from(&["0", "1", "2"], &numbered(3), 0).unwrap().note, None);
        assert_eq!(places(&["00", "03"], &["0", "1", "2", "3"]), [0, 3], "zeros in front");
        assert_eq!(places(&["030", "020"], &["20", "30"]), [1, 0], "names that are no places");
        let named = match_from(&["2", "0"], &texts(&["owl", "cat", "eel"]), 0).unwrap();
        assert_eq!(named.places, [Some(2), Some(0)]);
        assert!(named.note.unwrap().contains("2 is eel, 0 is owl"));
        assert!(error(&["01", "1"], &["0", "1"]).contains("two class folders are the number 1"));
        assert!(error(&["20", "40"], &["20", "30"]).contains("\"40\""));
    }

    #[test]
    fn numbers_from_1_are_questioned_or_said() {
        let own = ["1", "2", "3"];
        let error = match_from(&own, &numbered(3), 0).unwrap_err();
        assert!(error.contains("3 is not from 0 to 2") && error.contains("--labels-from 1"));
        let told = match_from(&own, &numbered(3), 1).unwrap();
        assert_eq!(told.places, [Some(0), Some(1), Some(2)]);
        let note = match_from(&own, &numbered(5), 0).unwrap().note.unwrap();
        assert!(note.contains("no 0 among the class folders"), "{note}");
        let error = match_from(&["cat"], &texts(&["cat", "dog"]), 1).unwrap_err();
        assert!(error.contains("are names: \"cat\""), "{error}");
    }

    #[test]
    fn spelling_counts_only_where_it_tells_classes_apart() {
        let experts = ["T-shirt/top", "Ankle boot"];
        let matched = match_from(&["ankle_boot", "t - shirt / top"], &texts(&experts), 0).unwrap();
        assert_eq!(matched.places, [Some(1), Some(0)]);
        assert!(matched.note.unwrap().contains("ankle_boot is Ankle boot"));
        error(&["cat"], &["Cat", "CAT"]);
        error(&["Cat", "cAt"], &["cat", "dog"]);
        error(&["+"], &["-", "*"]);
        assert_eq!(places(&["cat"], &["cat", "CAT"]), [0], "exactly one");
    }

    #[test]
    fn two_classes_of_one_name_are_told_apart_by_nothing() {
        let experts = ["crane", "crane", "owl"];
        assert_eq!(places(&["owl"], &experts), [2]);
        assert!(error(&["crane", "owl"], &experts).contains("the name of two classes"));
        assert_eq!(places(&experts, &experts), [0, 1, 2], "the very same list");
    }

    #[test]
    fn names_that_do_not_fit_are_listed() {
        let error = error(&["cat", "photos"], &["cat", "dog", "owl"]);
        for part in ["1 of 2 are not among them: \"photos\"", "cat, photos", "cat, dog, owl"] {
            assert!(error.contains(part), "{error}");
        }
        assert!(error.contains("--classes by-place"), "{error}");
    }

    #[test]
    fn experts_without_names_take_as_many_names_by_place() {
        let matched = match_from(&["cat", "dog"], &numbered(2), 0).unwrap();
        assert_eq!(matched.places, [Some(0), Some(1)]);
        assert_eq!(matched.classes, ["cat", "dog"]);
        let note = matched.note.unwrap();
        assert!(note.contains("cat is 0, dog is 1"), "{note}");
        for own in [&["images"][..], &["a", "b", "c"], &["1", "two"], &["1.0", "0.0"], &["-1", "x"]]
        {
            let error = match_from(own, &numbered(2), 0).unwrap_err();
            assert!(error.contains("--classes FILE"), "{error}");
        }
    }

    #[test]
    fn places_are_taken_where_one_insists() {
        let experts = texts(&["owl", "eel", "cat"]);
        let matched = by_place(&names(&["a", "b"]), &experts).unwrap();
        assert_eq!((matched.places, matched.classes), (vec![Some(0), Some(1)], experts.clone()));
        assert!(matched.note.unwrap().contains("a is owl, b is eel"));
        let error = by_place(&names(&["a", "b", "c", "d"]), &experts).unwrap_err();
        assert!(error.contains("4 class folders (a, b, c, d)"), "{error}");
        assert!(error.contains("3 classes (owl, eel, cat)"), "{error}");
    }
}
