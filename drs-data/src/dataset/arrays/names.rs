//! Which arrays are images and labels, and of which part of the data.

use crate::dataset::splits;

/// Names of arrays, alone or with a part's name: `x_test`, `test_images`.
const IMAGES: [&str; 3] = ["images", "x", "data"];
const LABELS: [&str; 3] = ["labels", "y", "targets"];
/// What NumPy calls arrays that were given no name.
const UNNAMED: [&str; 2] = ["arr_0", "arr_1"];
/// Parts that are told from other words in a name.
const PARTS: [&str; 8] =
    ["test", "train", "val", "valid", "validation", "dev", "extra", "unlabeled"];

/// The arrays of one part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) images: String,
    pub(super) labels: Option<String>,
    /// What the labels could have been called.
    pub(super) expected: String,
}

/// The arrays that hold this split, of all that there are; `None` if none holds images.
/// Arrays that name no part are the data whatever the split is.
pub(super) fn choose(keys: &[String], split: &str) -> Result<Option<Names>, String> {
    let wanted = splits::names(split);
    let parts: Vec<&str> = PARTS.iter().copied().filter(|part| has(keys, &IMAGES, part)).collect();
    let parted = wanted.iter().find_map(|part| {
        let images = find(keys, IMAGES.iter().flat_map(|base| named(base, part)))?;
        let labels = find(keys, LABELS.iter().flat_map(|base| named(base, part)));
        let expected = format!("y_{part} or {part}_labels");
        Some(Names { images, labels, expected })
    });
    if parted.is_some() {
        return Ok(parted);
    }
    if !parts.is_empty() {
        let found: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        let absent = splits::absent(split, &found);
        return Err(format!("{absent} (its arrays are {})", keys.join(", ")));
    }
    let with_unnamed = |bases: &[&str], unnamed: &str| -> Vec<String> {
        bases.iter().copied().chain([unnamed]).map(str::to_owned).collect()
    };
    let images = find(keys, with_unnamed(&IMAGES, UNNAMED[0]).into_iter());
    let labels = with_unnamed(&LABELS, UNNAMED[1]);
    let expected = labels.join(" or ");
    Ok(images.map(|images| Names { images, labels: find(keys, labels.into_iter()), expected }))
}

/// What is said where no array holds images.
pub(super) fn no_images(keys: &[String]) -> String {
    format!(
        "no images, expected an array named {} or {}, or with a split as in x_test or test_images; found {}",
        IMAGES.join(" or "),
        UNNAMED[0],
        keys.join(", ")
    )
}

fn has(keys: &[String], bases: &[&str], part: &str) -> bool {
    find(keys, bases.iter().flat_map(|base| named(base, part))).is_some()
}

/// The names that an array of a part may have.
fn named(base: &str, part: &str) -> [String; 2] {
    [format!("{base}_{part}"), format!("{part}_{base}")]
}

/// The first of these names that is there, as it is written there.
fn find(keys: &[String], mut names: impl Iterator<Item = String>) -> Option<String> {
    names.find_map(|name| keys.iter().find(|key| key.eq_ignore_ascii_case(&name)).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(keys: &[&str], split: &str) -> Result<Option<(String, Option<String>)>, String> {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        choose(&keys, split).map(|names| names.map(|names| (names.images, names.labels)))
    }

    #[test]
    fn the_split_chooses_the_arrays() {
        let pair =
            |images: &str, labels: &str| Ok(Some((images.to_owned(), Some(labels.to_owned()))));
        let keras = ["x_test", "x_train", "y_train", "y_test"];
        assert_eq!(chosen(&keras, "train"), pair("x_train", "y_train"));
        assert_eq!(chosen(&keras, "test"), pair("x_test", "y_test"));
        let error = chosen(&keras, "val").unwrap_err();
        assert!(error.contains("no split val, found test, train"), "{error}");
        assert!(error.contains("x_test, x_train, y_train, y_test"), "{error}");
        let medmnist = ["train_images", "val_images", "val_labels", "test_labels", "test_images"];
        assert_eq!(chosen(&medmnist, "validation"), pair("val_images", "val_labels"));
        assert_eq!(chosen(&medmnist, "train"), Ok(Some(("train_images".to_owned(), None))));
        // Never those of another split, nor those that name none.
        assert!(chosen(&["x", "y", "x_test", "y_test"], "train").is_err());
        assert_eq!(chosen(&["X_train", "y_train"], "train"), pair("X_train", "y_train"));
    }

    #[test]
    fn arrays_without_a_split_are_the_data() {
        let pair =
            |images: &str, labels: &str| Ok(Some((images.to_owned(), Some(labels.to_owned()))));
        for split in ["test", "train"] {
            assert_eq!(
                chosen(&["labels", "images", "images_mean"], split),
                pair("images", "labels")
            );
            assert_eq!(chosen(&["arr_1", "arr_0"], split), pair("arr_0", "arr_1"));
            assert_eq!(chosen(&["labels", "fog"], split), Ok(None));
        }
    }
}
