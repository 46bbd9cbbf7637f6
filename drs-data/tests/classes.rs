//! Labels as the experts count their classes.

use std::path::Path;

use drs_core::lattice::{Quantum, Shape};
use drs_data::{Classes, Dataset, InputSpec, Labels, OpenOptions};
use image::{GrayImage, Luma};
use ndarray::array;
use ndarray_npy::WriteNpyExt as _;
use tempfile::TempDir;

/// A folder of images of one row and two pixels.
fn images(paths: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in paths {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        GrayImage::from_pixel(2, 1, Luma([7])).save(path).unwrap();
    }
    folder
}

fn write(folder: &TempDir, name: &str, text: &str) -> Labels {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    Labels::File(path)
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|class| class.to_string()).collect()
}

fn open_with(
    path: &Path,
    experts: &[String],
    options: &OpenOptions,
) -> Result<(Vec<usize>, Vec<String>), String> {
    let shape = Shape::new([1, 1, 2]).unwrap();
    let spec = InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None };
    let data = Dataset::open(path, spec, options).and_then(|data| data.for_experts(experts));
    let data = data.map_err(|error| error.to_string())?;
    let labels = (0..data.len()).map(|index| data.get(index).unwrap().label.unwrap()).collect();
    Ok((labels, data.notes().to_vec()))
}

fn labels(path: &Path, experts: &[String]) -> Result<Vec<usize>, String> {
    open_with(path, experts, &OpenOptions::default()).map(|(labels, _)| labels)
}

fn from_file(path: &Path, experts: &[String], labels: &Labels) -> Result<Vec<usize>, String> {
    let options = OpenOptions { labels: labels.clone(), ..OpenOptions::default() };
    open_with(path, experts, &options).map(|(labels, _)| labels)
}

#[track_caller]
fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "lacks \"{part}\": {error}");
    }
}

#[test]
fn folders_are_the_classes_of_their_names() {
    let folder = images(&["eel/1.png", "owl/1.png", "owl/2.png"]);
    std::fs::create_dir(folder.path().join(".cache")).unwrap();
    assert_eq!(labels(folder.path(), &texts(&["owl", "cat", "eel"])).unwrap(), [2, 0, 0]);
    let error = labels(folder.path(), &texts(&["cat", "eel", "newt", "rat"])).unwrap_err();
    says(&error, &["1 of 2", "\"owl\"", "class folders: eel, owl", "cat, eel, newt, rat"]);
    let by_place = OpenOptions { classes: Classes::ByPlace, ..OpenOptions::default() };
    let (labels, notes) =
        open_with(folder.path(), &texts(&["x", "cat", "newt"]), &by_place).unwrap();
    assert_eq!(labels, [0, 1, 1], "a hidden folder has no place");
    says(&notes[0], &["hidden folders", ".cache"]);
    says(&notes[1], &["eel is x", "owl is cat"]);
    std::fs::create_dir(folder.path().join("auk")).unwrap();
    let (labels, notes) =
        open_with(folder.path(), &texts(&["x", "cat", "newt"]), &by_place).unwrap();
    assert_eq!(labels, [1, 2, 2], "an empty folder has one, as for torchvision");
    says(&notes[0], &["without an image", "auk"]);
}

#[test]
fn folders_of_numbers_keep_the_order_of_texts_and_are_numbers() {
    let folder = images(&["0/a.png", "9/a.png", "10/a.png", "010/a.png"]);
    says(&labels(folder.path(), &numbered(11)).unwrap_err(), &["two class folders", "10"]);
    std::fs::remove_dir_all(folder.path().join("010")).unwrap();
    assert_eq!(labels(folder.path(), &numbered(11)).unwrap(), [0, 10, 9]);
    let by_place = OpenOptions { classes: Classes::ByPlace, ..OpenOptions::default() };
    assert_eq!(open_with(folder.path(), &numbered(11), &by_place).unwrap().0, [0, 1, 2]);
    // Without experts too, classes are in the order of the numbers.
    let shape = Shape::new([1, 1, 2]).unwrap();
    let spec = InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None };
    let data = Dataset::open(folder.path(), spec, &OpenOptions::default()).unwrap();
    assert_eq!(data.classes().unwrap(), ["0", "9", "10"]);
    assert_eq!([0, 1, 2].map(|index| data.label(index)), [Some(0), Some(2), Some(1)]);
}

#[test]
fn experts_without_names_take_as_many_folders_by_place_and_say_so() {
    let folder = images(&["ant/1.png", "bee/1.png"]);
    let (labels, notes) = open_with(folder.path(), &numbered(2), &OpenOptions::default()).unwrap();
    assert_eq!(labels, [0, 1]);
    says(&notes[0], &["ant is 0, bee is 1", "--classes"]);
    let named = OpenOptions {
        classes: Classes::Names(texts(&["cat", "bee", "ant"])),
        ..OpenOptions::default()
    };
    assert_eq!(open_with(folder.path(), &numbered(3), &named).unwrap().0, [2, 1]);
    says(&open_with(folder.path(), &numbered(2), &named).unwrap_err(), &["3 names, expected 2"]);
}

#[test]
fn class_folders_are_walked_down() {
    let folder = images(&[
        "ant/b/2.png",
        "ant/b/x/4.png",
        "ant/b-c/1.png",
        "ant/3.png",
        "bee/images/deep/1.png",
    ]);
    let shape = Shape::new([1, 1, 2]).unwrap();
    let spec = InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None };
    let data = Dataset::open(folder.path(), spec, &OpenOptions::default()).unwrap();
    let found: Vec<(String, Option<usize>)> = (0..data.len())
        .map(|index| data.get(index).unwrap())
        .map(|example| (example.name, example.label))
        .collect();
    // As texts, "ant/b-c" comes before "ant/b/x"; by their parts it would not.
    let expected = [
        ("ant/3.png", 0),
        ("ant/b/2.png", 0),
        ("ant/b-c/1.png", 0),
        ("ant/b/x/4.png", 0),
        ("bee/images/deep/1.png", 1),
    ];
    assert_eq!(found, expected.map(|(name, label)| (name.to_owned(), Some(label))));
}

#[cfg(unix)]
#[test]
fn a_folder_that_leads_back_to_itself_is_named() {
    let folder = images(&["ant/1.png"]);
    std::os::unix::fs::symlink("..", folder.path().join("ant/back")).unwrap();
    says(&labels(folder.path(), &numbered(1)).unwrap_err(), &["ant/back", "lies in"]);
}

#[test]
fn parts_are_no_classes() {
    let folder = images(&["train/1.png", "test/1.png", "val/cat/a/1.png"]);
    says(
        &labels(folder.path(), &numbered(3)).unwrap_err(),
        &["test: ", "1 image without class folders", "--labels FILE"],
    );
    let of = |split: &str| OpenOptions { split: split.to_owned(), ..OpenOptions::default() };
    let cat = texts(&["dog", "cat"]);
    assert_eq!(open_with(folder.path(), &cat, &of("val")).unwrap().0, [1]);
    let error = open_with(folder.path(), &cat, &of("extra")).unwrap_err();
    std::fs::create_dir(folder.path().join("boxes")).unwrap();
    let notes_beside = labels(folder.path(), &numbered(4)).unwrap_err();
    says(&notes_beside, &["1 image without class folders"]);
    says(&error, &["no part of the name extra", "test, train, val", "--split test"]);
    // Beside classes, a folder of that name is a class if it has images, or else unclear.
    let folder = images(&["test/1.png", "cat/1.png"]);
    assert_eq!(labels(folder.path(), &texts(&["test", "cat"])).unwrap(), [1, 0]);
    let folder = images(&["test/cat/1.png", "cat/1.png"]);
    says(&labels(folder.path(), &cat).unwrap_err(), &["side by side", "--data"]);
}

#[test]
fn one_folder_of_all_images_is_no_class() {
    let folder = images(&["images/1.png", "images/2.png"]);
    let tables = || labels(folder.path(), &numbered(2)).unwrap_err();
    says(&tables(), &["2 images without class folders", "--labels none"]);
    write(&folder, "val.txt", "1.png 1\n2.png 0\n");
    says(&tables(), &["beside them: ", "val.txt"]);
    let names = write(&folder, "val.txt", "1.png\tpolar bear\n2.png\tant\n");
    let experts = texts(&["ant", "bee", "polar bear"]);
    assert_eq!(from_file(folder.path(), &experts, &names).unwrap(), [2, 0]);
    let unlabelled = OpenOptions { labels: Labels::None, ..OpenOptions::default() };
    let shape = Shape::new([1, 1, 2]).unwrap();
    let spec = InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None };
    let data = Dataset::open(folder.path(), spec, &unlabelled).unwrap();
    let data = data.for_experts(&experts).unwrap();
    assert_eq!((data.len(), data.label(0), data.classes()), (2, None, Some(&experts[..])));
}

#[test]
fn the_table_of_tiny_imagenet_is_read() {
    let folder = images(&["val/images/v_0.png", "val/images/v_1.png", "val/images/v_10.png"]);
    let table = "v_0.png\tn3\t0\t0\t9\t9\nv_1.png\tn1\t0\t0\t9\t9\nv_10.png\tn2\t1\t1\t9\t9\n";
    write(&folder, "val/val_annotations.txt", table);
    let of = |split: &str| OpenOptions { split: split.to_owned(), ..OpenOptions::default() };
    let (found, notes) =
        open_with(folder.path(), &texts(&["n3", "n2", "n1", "n0"]), &of("val")).unwrap();
    assert_eq!(found, [0, 2, 1]);
    says(&notes[0], &["val_annotations.txt"]);
    // Experts without names: the order of the sorted list of synsets, which may have more.
    assert!(open_with(folder.path(), &numbered(4), &of("val")).is_err(), "3 of 4 names");
    write(&folder, "wnids.txt", "n3\nn0\nn1\nn2\n");
    assert_eq!(open_with(folder.path(), &numbered(4), &of("val")).unwrap().0, [3, 1, 2]);
    assert_eq!(labels(&folder.path().join("val/images"), &numbered(4)).unwrap(), [3, 1, 2]);
}

#[test]
fn images_beside_class_folders_are_told() {
    let folder = images(&["ant/1.png", "bee/1.png", "sample.png"]);
    let (labels, notes) =
        open_with(folder.path(), &texts(&["bee", "ant"]), &OpenOptions::default()).unwrap();
    assert_eq!(labels, [1, 0]);
    says(&notes[0], &["1 image beside the class folders"]);
}

#[test]
fn label_files_may_hold_names_or_numbers() {
    let folder = images(&["all/a.png", "all/b.png", "all/c.png"]);
    let path = folder.path().join("all");
    let experts = texts(&["owl", "cat", "hot dog"]);
    let read = |name: &str, text: &str| from_file(&path, &experts, &write(&folder, name, text));
    let expected = Ok(vec![2, 0, 2]);
    assert_eq!(read("l.csv", "image,label\nb.png,owl\na.png,hot dog\nc.png,hot dog\n"), expected);
    assert_eq!(
        read("l.csv", "ImageId,PredictionString\nb,owl 1 2 3 4\na,hot dog\nc,x\n").err(),
        Some(format!(
            "{}: line 3: PredictionString is \"hot dog\", expected one class, with four numbers behind it each time",
            folder.path().join("l.csv").display()
        ))
    );
    assert_eq!(read("l.txt", "hot dog\nowl\nhot dog\n"), expected);
    assert_eq!(read("l.txt", "a.png\thot dog\nc.png\thot dog\nb.png\towl\n"), expected);
    assert_eq!(read("l.txt", "x/a.png 2\nx/b.png 0\nx/c.png 2\nx/d.png 1\n"), expected);
    assert_eq!(read("l.txt", "a,2\nb,0\nc,2\n"), expected);
    assert_eq!(read("l.txt", "2.000e+00\n0.000e+00\n2.000e+00\n"), expected);
    assert_eq!(read("l.txt", "HOT-DOG\nOwl\nHOT-DOG\n"), expected);
    for (text, parts) in [
        ("owl\neel\nowl\n", &["1 of 2", "\"eel\"", "names in l.txt", "owl, cat, hot dog"][..]),
        ("0\neel\n1\n", &["line 2", "\"eel\"", "among numbers"]),
        ("0\n-1\n1\n", &["line 2", "\"-1\""]),
        ("0\n3\n4\n", &["input 1 (b.png) has the label 3", "0 to 2", "2 of 3 inputs"]),
        ("1\n2\n3\n", &["they run from 1 to 3", "--labels-from 1"]),
        ("0\n\n1\n", &["line 2 is empty"]),
        ("a.png hot dog\nb.png owl\nc.png owl\n", &["line 1", "a tab"]),
        ("other.png 1\n", &["1 labels for 3 inputs", "begins with no input's name"]),
        ("", &["is empty"]),
    ] {
        says(&read("l.txt", text).unwrap_err(), parts);
    }
}

#[test]
fn ids_that_count_from_1_are_taken_where_one_says_so() {
    let folder = images(&["all/a.png", "all/b.png", "all/c.png"]);
    let path = folder.path().join("all");
    let file = write(&folder, "ids.txt", "3\n1\n2\n");
    let from = |labels_from, classes: &[String]| {
        let labels = file.clone();
        open_with(&path, classes, &OpenOptions { labels, labels_from, ..OpenOptions::default() })
    };
    says(&from(0, &numbered(3)).unwrap_err(), &["ids.txt", "--labels-from 1"]);
    assert_eq!(from(1, &numbered(3)).unwrap().0, [2, 0, 1]);
    says(&from(2, &numbered(3)).unwrap_err(), &["input 1 has the label 1", "from 2"]);
    // Too few to be seen, so it is said.
    let (labels, notes) = from(0, &numbered(4)).unwrap();
    assert_eq!(labels, [3, 1, 2]);
    says(&notes[0], &["no input has the label 0", "--labels-from 1"]);
}

#[test]
fn labels_by_place_say_the_order_of_inputs_whose_names_are_numbers() {
    let folder = images(&["all/1.png", "all/2.png", "all/10.png"]);
    let path = folder.path().join("all");
    let notes = |text: &str| {
        let labels = write(&folder, "l.txt", text);
        let options = OpenOptions { labels, ..OpenOptions::default() };
        open_with(&path, &numbered(3), &options).unwrap().1
    };
    says(&notes("0\n1\n2\n")[0], &["10.png comes before 2.png", "a table that names each"]);
    assert!(notes("1.png 0\n2.png 1\n10.png 2\n").is_empty());
    std::fs::rename(path.join("10.png"), path.join("3.png")).unwrap();
    assert!(notes("0\n1\n2\n").is_empty());
}

#[test]
fn headers_of_label_tables_are_read_in_any_case() {
    let folder = images(&["all/a.png", "all/b.png"]);
    let file = write(&folder, "l.csv", "Image,LABEL\nb.png,0\na.png,1\n");
    assert_eq!(from_file(&folder.path().join("all"), &numbered(2), &file).unwrap(), [1, 0]);
}

#[test]
fn the_development_kit_has_an_order_of_its_own() {
    let folder = images(&["all/a.png", "all/b.png"]);
    let kit = write(&folder, "ILSVRC2012_validation_ground_truth.txt", "2\n1\n");
    let options = OpenOptions { labels: kit, labels_from: 1, ..OpenOptions::default() };
    let error = open_with(&folder.path().join("all"), &numbered(2), &options).unwrap_err();
    says(&error, &["ILSVRC2012_validation_ground_truth.txt", "meta.mat", "synsets"]);
}

#[test]
fn arrays_count_classes_too() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str| std::fs::File::create(folder.path().join(name)).unwrap();
    array![[[1u8, 2]], [[3, 4]], [[5, 6]]].write_npy(save("images.npy")).unwrap();
    array![1u8, 3, 2].write_npy(save("labels.npy")).unwrap();
    says(&labels(folder.path(), &numbered(3)).unwrap_err(), &["input 1 has the label 3", "1 of 3"]);
    assert_eq!(labels(folder.path(), &texts(&["a", "b", "c", "d"])).unwrap(), [1, 3, 2]);
    let from_1 = OpenOptions { labels_from: 1, ..OpenOptions::default() };
    assert_eq!(open_with(folder.path(), &numbered(3), &from_1).unwrap().0, [0, 2, 1]);
}

#[test]
fn other_prefixes_of_idx_files_are_told() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b-images-idx3-ubyte.gz", "a-x-images-idx3-ubyte", "a-x-labels-idx1-ubyte"] {
        std::fs::write(folder.path().join(name), b"").unwrap();
    }
    says(
        &labels(folder.path(), &numbered(2)).unwrap_err(),
        &["no test-images-idx3-ubyte", "files of a-x, b", "--split a-x"],
    );
}
