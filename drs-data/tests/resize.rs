//! Resized and cropped images beside torchvision's (`resize/generate.py`).

use std::fs::File;
use std::path::{Path, PathBuf};

use drs_core::lattice::{Quantum, Shape};
use drs_data::{InputSpec, Interpolation, Resize, read_image};
use ndarray::Array3;
use ndarray_npy::ReadNpyExt as _;
use zip::ZipArchive;

/// How far two decoders of JPEG may be apart after resizing, in levels of 255: at
/// most, and on average over an image.
const JPEG_TOLERANCE: (i16, f64) = (4, 0.5);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/resize")
}

#[test]
fn png_files_equal_torchvision_to_the_pixel_and_jpeg_files_nearly() {
    let mut archive = ZipArchive::new(File::open(folder().join("expected.npz")).unwrap()).unwrap();
    assert_eq!(archive.len(), 54);
    for index in 0..archive.len() {
        let entry = archive.by_index(index).unwrap();
        let name = entry.name().unwrap().trim_end_matches(".npy").to_owned();
        let expected = Array3::<u8>::read_npy(entry).unwrap();
        let (file, how) = name.split_once('@').unwrap();
        let (side, interpolation) = how.split_once('-').unwrap();
        let interpolation = match interpolation {
            "bilinear" => Interpolation::Bilinear,
            "bicubic" => Interpolation::Bicubic,
            other => panic!("{other}"),
        };
        let resize = Resize { side: side.parse().unwrap(), interpolation };
        let (channels, height, width) = expected.dim();
        let shape = Shape::new([channels, height, width]).unwrap();
        let spec = InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: Some(resize) };
        let input = read_image(&folder().join(file), spec).unwrap().input;
        let apart = input.values().iter().zip(&expected).map(|(&a, &b)| (a - i16::from(b)).abs());
        let most = apart.clone().max().unwrap();
        let mean = apart.map(f64::from).sum::<f64>() / expected.len() as f64;
        println!("{name}: {mean:.3} levels apart, at most {most}");
        let tolerance = if file.ends_with(".png") { (0, 0.0) } else { JPEG_TOLERANCE };
        assert!(most <= tolerance.0 && mean <= tolerance.1, "{name}: {mean} on average, {most}");
    }
}

#[test]
fn a_long_and_narrow_image_costs_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("line.png");
    image::RgbImage::from_pixel(60_000, 1, image::Rgb([9, 99, 200])).save(&path).unwrap();
    let resize = Resize { side: 4096, interpolation: Interpolation::Bilinear };
    let shape = Shape::new([3, 2, 4]).unwrap();
    let spec = InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: Some(resize) };
    let input = read_image(&path, spec).unwrap().input;
    assert_eq!(input.values()[7..9], [9, 99]);
}
