use super::*;
use crate::read_image;
use drs_core::lattice::{Given, Shape};
use image::{GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba};

fn spec(shape: [usize; 3]) -> InputSpec {
    InputSpec { shape: Shape::new(shape).unwrap(), quantum: Quantum::EIGHT_BIT, resize: None }
}

fn read(path: &Path, shape: [usize; 3]) -> LatticeInput {
    read_image(path, spec(shape)).unwrap().input
}

fn saved(image: impl Into<DynamicImage>, name: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    image.into().save(&path).unwrap();
    (folder, path)
}

#[test]
fn gray_and_rgb_become_planes() {
    let (_keep, path) = saved(GrayImage::from_fn(3, 2, |x, y| Luma([(10 * y + x) as u8])), "g.png");
    let input = read(&path, [1, 2, 3]);
    assert_eq!(input.values(), [0, 1, 2, 10, 11, 12]);
    let input = read(&path, [3, 2, 3]);
    assert_eq!(input.values()[6..12], [0, 1, 2, 10, 11, 12], "replicated");
    let (_keep, path) = saved(RgbImage::from_fn(2, 1, |x, _| Rgb([1, 2, 3 + x as u8])), "c.PNG");
    let input = read(&path, [3, 1, 2]);
    assert_eq!(input.values(), [1, 1, 2, 2, 3, 4]);
    assert_eq!(input.given(), Given::Lattice);
}

#[test]
fn a_jpeg_is_read() {
    let (_keep, path) = saved(RgbImage::from_pixel(8, 8, Rgb([100, 150, 200])), "c.jpg");
    let input = read(&path, [3, 8, 8]);
    assert!((i32::from(input.values()[0]) - 100).abs() < 5);
}

#[test]
fn what_would_lose_something_is_an_error_that_says_how_to_mend_it() {
    let cases: [(DynamicImage, &str); 5] = [
        (ImageBuffer::from_pixel(2, 2, Rgba([1u8, 2, 3, 4])).into(), "alpha channel"),
        (ImageBuffer::from_pixel(2, 2, LumaA([1u8, 2])).into(), "alpha channel"),
        (ImageBuffer::from_pixel(2, 2, Luma([1u16])).into(), "16 bits"),
        (ImageBuffer::from_pixel(2, 2, Rgb([1u8, 2, 3])).into(), "3 channels found, expected 1"),
        (ImageBuffer::from_pixel(3, 2, Luma([1u8])).into(), "2x3 (height x width), expected 2x2"),
    ];
    for (image, expected) in cases {
        let (_keep, path) = saved(image, "bad.png");
        let error = read_image(&path, spec([1, 2, 2])).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("bad.png"), "{error}");
    }
    let (_keep, path) = saved(GrayImage::new(2, 2), "g.png");
    let coarse = InputSpec { quantum: "1/15".parse().unwrap(), ..spec([1, 2, 2]) };
    assert!(read_image(&path, coarse).unwrap_err().to_string().contains("1/15"));
}

#[test]
fn palettes_are_expanded_and_alpha_in_them_is_an_error() {
    let palette = |alpha: &[u8]| {
        let mut png = PNG_SIGNATURE.to_vec();
        png.extend(chunk(*b"IHDR", &[0, 0, 0, 2, 0, 0, 0, 1, 8, 3, 0, 0, 0]));
        png.extend(chunk(*b"PLTE", &[1, 2, 3, 4, 5, 6]));
        if !alpha.is_empty() {
            png.extend(chunk(*b"tRNS", alpha));
        }
        // A stored deflate block of filter 0 and the two palette indices.
        png.extend(chunk(*b"IDAT", &[0x78, 1, 1, 3, 0, 0xfc, 0xff, 0, 1, 0, 0, 5, 0, 2]));
        png.extend(chunk(*b"IEND", &[]));
        png
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.png");
    std::fs::write(&path, palette(&[])).unwrap();
    assert_eq!(read(&path, [3, 1, 2]).values(), [4, 1, 5, 2, 6, 3]);
    std::fs::write(&path, palette(&[0])).unwrap();
    let error = read_image(&path, spec([3, 1, 2])).unwrap_err().to_string();
    assert!(error.contains("alpha channel"), "{error}");
}

const PNG_SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [&kind[..], data].concat();
    let mut crc = flate2::Crc::new();
    crc.update(&body);
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length[..], &body, &crc.sum().to_be_bytes()].concat()
}

#[test]
fn a_png_bomb_is_refused_before_it_is_decoded() {
    let mut png = PNG_SIGNATURE.to_vec();
    let (width, height) = (60_000u32.to_be_bytes(), 60_000u32.to_be_bytes());
    png.extend(chunk(*b"IHDR", &[&width[..], &height, &[8, 0, 0, 0, 0]].concat()));
    png.extend(chunk(*b"IDAT", &[]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.png");
    std::fs::write(&path, png).unwrap();
    let error = read_image(&path, spec([1, 2, 2])).unwrap_err().to_string();
    assert!(error.contains("60000x60000") && error.contains("expected 2x2"), "{error}");
}

#[test]
fn every_truncation_is_an_error_or_lacks_no_pixel() {
    let rgb = RgbImage::from_fn(24, 24, |x, y| Rgb([x as u8 * 9, y as u8 * 9, 77]));
    let names = ["t.png", "t.jpg", "t.bmp", "t.ppm", "t.tif", "t.webp", "t.gif"];
    for name in names {
        let (_keep, path) = saved(rgb.clone(), name);
        let whole = read(&path, [3, 24, 24]);
        let bytes = std::fs::read(&path).unwrap();
        let mut errors = 0;
        for length in 0..bytes.len() {
            match decode(&bytes[..length], None, spec([3, 24, 24])) {
                Ok(image) => assert_eq!(image.input, whole, "{name}: {length} bytes"),
                Err(_) => errors += 1,
            }
        }
        // Nothing but checksums and end markers may follow the pixels.
        assert!(errors > 0 && (name != "t.jpg" || errors == bytes.len()), "{name}: {errors}");
    }
}

#[test]
fn damage_anywhere_in_a_file_ends_no_run() {
    let rgb = RgbImage::from_fn(9, 7, |x, y| Rgb([x as u8 * 9, y as u8 * 9, 77]));
    for name in ["d.png", "d.jpg", "d.bmp", "d.ppm", "d.tif", "d.webp", "d.gif"] {
        let (_keep, path) = saved(rgb.clone(), name);
        let whole = std::fs::read(&path).unwrap();
        for place in 0..whole.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[place] ^= change;
                drop(decode(&bytes, None, spec([3, 7, 9])));
            }
        }
    }
}

#[test]
fn no_damaged_bit_of_a_png_changes_pixels_unnoticed() {
    let (_keep, path) = saved(GrayImage::from_fn(5, 5, |x, y| Luma([(x * y) as u8])), "g.png");
    let whole = read(&path, [1, 5, 5]);
    let bytes = std::fs::read(&path).unwrap();
    for bit in 0..8 * bytes.len() {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(image) = decode(&damaged, None, spec([1, 5, 5])) {
            assert_eq!(image.input, whole, "bit {bit}");
        }
    }
}

#[test]
fn absent_and_unknown_files_are_errors_that_name_what_is_inside() {
    let error = |name: &str| read_image(Path::new(name), spec([1, 5, 5])).unwrap_err();
    assert!(error("absent.png").to_string().contains("absent.png: No such file"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jpeg");
    let cases: [(&[u8], &str); 4] = [
        (b"", "the file is empty"),
        (b"<html>", "begins with 3c 68 74 6d 6c 3e, expected one of PNG, JPEG"),
        (&[0, 5, 0x16, 7, 0, 2, 0, 0], "macOS left it beside the real file"),
        (b"qoif\0\0\0\x05", "QOI found inside"),
    ];
    for (bytes, expected) in cases {
        std::fs::write(&path, bytes).unwrap();
        let error = read_image(&path, spec([1, 5, 5])).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("x.jpeg"), "{error}");
    }
}

#[test]
fn the_content_decides_and_the_record_says_so() {
    let rgb = RgbImage::from_fn(4, 3, |x, y| Rgb([x as u8 * 60, y as u8 * 80, 7]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.JPEG");
    let lossless = [
        (ImageFormat::Png, "read as PNG, which it is inside"),
        (ImageFormat::Bmp, "read as BMP, which it is inside"),
        (ImageFormat::Pnm, "read as PPM or PGM, which it is inside"),
        (ImageFormat::Tiff, "read as TIFF, which it is inside"),
        (ImageFormat::WebP, "read as WebP, which it is inside"),
    ];
    let expected: Vec<i16> = (0..3)
        .flat_map(|channel| rgb.pixels().map(move |pixel| i16::from(pixel.0[channel])))
        .collect();
    for (format, note) in lossless {
        rgb.save_with_format(&path, format).unwrap();
        let image = read_image(&path, spec([3, 3, 4])).unwrap();
        assert_eq!(image.input.values(), expected, "{format:?}");
        assert_eq!(image.conversion.as_deref(), Some(note));
        // Under a name of its own there is nothing to say.
        let own = folder.path().join(format!("x.{}", format.extensions_str()[0]));
        std::fs::copy(&path, &own).unwrap();
        assert_eq!(read_image(&own, spec([3, 3, 4])).unwrap().conversion, None);
    }
    rgb.save_with_format(&path, ImageFormat::Gif).unwrap();
    let image = read_image(&path, spec([3, 3, 4])).unwrap();
    let note = "read as GIF, which it is inside; the first frame of a GIF; alpha";
    assert!(image.conversion.unwrap().starts_with(note));
}

#[test]
fn conversions_that_lose_nothing_are_done_and_told() {
    let rgba = ImageBuffer::from_pixel(2, 1, Rgba([9u8, 8, 7, 255]));
    let gray_alpha = ImageBuffer::from_pixel(2, 1, LumaA([9u8, 255]));
    let equal = ImageBuffer::from_pixel(2, 1, Rgb([6u8; 3]));
    let equal_alpha = ImageBuffer::from_pixel(2, 1, Rgba([6u8, 6, 6, 255]));
    let gray = ImageBuffer::from_pixel(2, 1, Luma([5u8]));
    let opaque = "alpha of 255 everywhere left out";
    let cases: [(DynamicImage, usize, &[i16], Option<&str>); 7] = [
        (rgba.into(), 3, &[9, 9, 8, 8, 7, 7], Some(opaque)),
        (gray_alpha.clone().into(), 1, &[9, 9], Some(opaque)),
        (
            gray_alpha.into(),
            3,
            &[9; 6],
            Some("alpha of 255 everywhere left out; gray repeated in three channels"),
        ),
        (equal.into(), 1, &[6, 6], Some("three equal channels taken as gray")),
        (
            equal_alpha.into(),
            1,
            &[6, 6],
            Some("alpha of 255 everywhere left out; three equal channels taken as gray"),
        ),
        (gray.clone().into(), 3, &[5; 6], Some("gray repeated in three channels")),
        (gray.into(), 1, &[5, 5], None),
    ];
    for (image, channels, values, note) in cases {
        let (_keep, path) = saved(image, "c.png");
        let image = read_image(&path, spec([channels, 1, 2])).unwrap();
        assert_eq!((image.input.values(), image.conversion.as_deref()), (values, note));
    }
    // One value that differs, in one pixel, is a loss.
    let almost = ImageBuffer::from_fn(2, 1, |x, _| Rgb([6u8, 6, 6 + x as u8]));
    let (_keep, path) = saved(almost, "c.png");
    assert!(read_image(&path, spec([1, 1, 2])).is_err());
    let seen = ImageBuffer::from_fn(2, 1, |x, _| Rgba([6u8, 6, 6, 255 - x as u8]));
    let (_keep, path) = saved(seen, "c.png");
    let error = read_image(&path, spec([3, 1, 2])).unwrap_err().to_string();
    assert!(error.contains("not 255 everywhere"), "{error}");
}

#[test]
fn what_libraries_would_do_differently_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pgm");
    std::fs::write(&path, b"P5 2 1 15 \x01\x0f").unwrap();
    let error = read_image(&path, spec([1, 1, 2])).unwrap_err().to_string();
    assert!(error.contains("maximum 15 found, expected 255"), "{error}");
    // One bit for a pixel, 0 is white.
    std::fs::write(&path, b"P4 2 1 \x40").unwrap();
    assert_eq!(read(&path, [1, 1, 2]).values(), [255, 0]);
    std::fs::write(&path, b"P2 2 1 255 7 200").unwrap();
    assert_eq!(read(&path, [1, 1, 2]).values(), [7, 200]);
}
