//! Image files of many kinds against what Pillow makes of them (`images/generate.py`).

use std::path::{Path, PathBuf};

use drs_core::lattice::{Quantum, Shape};
use drs_data::{Dataset, InputSpec, Labels, OpenOptions, read_image};
use ndarray::ArrayD;
use ndarray_npy::ReadNpyExt as _;

const HEIGHT: usize = 13;
const WIDTH: usize = 17;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images")
}

fn spec(channels: usize) -> InputSpec {
    let shape = Shape::new([channels, HEIGHT, WIDTH]).unwrap();
    InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None }
}

/// Levels apart at most and on average: what is compressed with loss has no one right answer.
fn tolerance(name: &str) -> (i16, f64) {
    match name {
        _ if name.ends_with(".jpg") => (2, 0.03),
        _ => (0, 0.0),
    }
}

#[test]
fn images_are_what_pillow_makes_of_them() {
    let expected = std::fs::File::open(folder().join("expected.npz")).unwrap();
    let mut archive = zip::ZipArchive::new(expected).unwrap();
    assert_eq!(archive.len(), 29);
    for index in 0..archive.len() {
        let entry = archive.by_index(index).unwrap();
        let name = entry.name().unwrap().trim_end_matches(".npy").to_owned();
        let expected = ArrayD::<u8>::read_npy(entry).unwrap();
        let channels = if expected.ndim() == 2 { 1 } else { 3 };
        let image = read_image(&folder().join(&name), spec(channels)).unwrap();
        let found = image.input.values();
        let plane = HEIGHT * WIDTH;
        let place = |pixel: usize| pixel % channels * plane + pixel / channels;
        let expected = expected.iter().enumerate();
        let apart = expected.map(|(pixel, &e)| (found[place(pixel)] - i16::from(e)).abs());
        let apart: Vec<i16> = apart.collect();
        let most = apart.iter().copied().max().unwrap();
        let mean = apart.iter().copied().map(f64::from).sum::<f64>() / apart.len() as f64;
        println!("{name}: {mean:.3} levels apart, at most {most}, {:?}", image.conversion);
        let (bound, on_average) = tolerance(&name);
        assert!(most <= bound && mean <= on_average, "{name}: {mean} on average, {most}");
        let cmyk = name.starts_with("cmyk") || name.starts_with("ycck");
        let told = image.conversion.is_some_and(|told| told.contains("CMYK to RGB"));
        assert_eq!(told, cmyk, "{name}");
    }
}

#[test]
fn what_is_refused_says_how_to_convert_it() {
    let cases = [
        ("refused-turned.tif", "-auto-orient"),
        ("refused-cmyk.tif", "-colorspace sRGB"),
        ("refused-palette.tif", "cannot be decoded"),
        ("refused-16.png", "-depth 8"),
        ("refused-alpha.webp", "-alpha off"),
    ];
    for (name, remedy) in cases {
        for channels in [1, 3] {
            let error = read_image(&folder().join(name), spec(channels)).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(remedy), "{error}");
        }
    }
}

#[test]
fn every_name_that_torchvision_takes_has_an_index() {
    let names =
        ["a.JPG", "b.jpeg", "c.Png", "d.ppm", "e.bmp", "f.pgm", "g.tif", "h.TIFF", "i.webp"];
    let place = tempfile::tempdir().unwrap();
    let class = place.path().join("class");
    std::fs::create_dir(&class).unwrap();
    for name in names.iter().chain(&[".DS_Store", "notes.txt", "j.gif", "k.jpg.zip"]) {
        std::fs::copy(folder().join("rgb.bmp"), class.join(name)).unwrap();
    }
    std::fs::write(class.join("._b.jpeg"), [0, 5, 0x16, 7, 0, 2, 0, 0]).unwrap();
    let open = |path: &Path, labels| {
        let options = OpenOptions { labels, ..OpenOptions::default() };
        Dataset::open(path, spec(3), &options).unwrap()
    };
    for (data, below) in
        [(open(place.path(), Labels::Own), "class/"), (open(&class, Labels::None), "")]
    {
        assert_eq!(data.len(), names.len() + 1);
        // What macOS leaves is one input that cannot be read, as it is for torchvision.
        let error = data.get(0).unwrap_err().to_string();
        assert!(error.contains("._b.jpeg") && error.contains("macOS"), "{error}");
        for (index, name) in (1..).zip(names) {
            let example = data.get(index).unwrap();
            assert_eq!(example.name, format!("{below}{name}"));
            let inside = example.conversion.map(|told| told.contains("read as BMP"));
            assert_eq!(inside.unwrap_or(false), name != "e.bmp", "{name}");
        }
    }
}
