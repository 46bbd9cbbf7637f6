//! PNG and JPEG.

use std::io::Cursor;
use std::path::Path;

use drs_core::lattice::{LatticeInput, Quantum};
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader};

use crate::error::DataError;
use crate::resize::Pixels;
use crate::{InputSpec, jpeg};

/// The image in a file.
pub(crate) fn read(path: &Path, spec: InputSpec) -> Result<LatticeInput, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    check_quantum(spec).map_err(fail)?;
    let bytes = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
    // The extension decides where the content tells nothing.
    decode(&bytes, ImageFormat::from_path(path).ok(), spec).map_err(fail)
}

/// The image in these bytes.
pub(crate) fn decode(
    bytes: &[u8],
    format: Option<ImageFormat>,
    spec: InputSpec,
) -> Result<LatticeInput, String> {
    check_quantum(spec)?;
    let undecodable = |error: image::ImageError| format!("cannot be decoded: {error}");
    if image::guess_format(bytes).is_ok_and(|format| format == ImageFormat::Jpeg) {
        jpeg::check(bytes)?;
    }
    let mut reader = ImageReader::new(Cursor::new(bytes));
    if let Some(format) = format {
        reader.set_format(format);
    }
    let reader = reader.with_guessed_format().map_err(|error| error.to_string())?;
    let decoder = reader.into_decoder().map_err(undecodable)?;
    // Checked before decoding, so that memory is bounded.
    check_size(decoder.dimensions(), spec)?;
    let image = DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    let pixels = pixels(image, spec.shape.dims()[0])?;
    let pixels = match spec.resize {
        None => pixels,
        Some(resize) => {
            let [_, height, width] = spec.shape.dims();
            resize.apply(&pixels, height, width)
        }
    };
    let values = planes(&pixels);
    LatticeInput::new(spec.shape, spec.quantum, values).map_err(|error| error.to_string())
}

/// Where Pillow starts to warn of decompression bombs.
const MOST_PIXELS: u64 = 89_478_485;

fn check_size((w, h): (u32, u32), spec: InputSpec) -> Result<(), String> {
    let [_, height, width] = spec.shape.dims();
    let found = format!("the image is {h}x{w} (height x width)");
    if spec.resize.is_none() && (h as usize, w as usize) != (height, width) {
        return Err(format!(
            "{found}, expected {height}x{width}; `resize` under [input] of experts.toml resizes and crops"
        ));
    }
    if !(1..=MOST_PIXELS).contains(&(u64::from(w) * u64::from(h))) {
        return Err(format!("{found}, expected 1 to {MOST_PIXELS} pixels"));
    }
    Ok(())
}

fn pixels(image: DynamicImage, channels: usize) -> Result<Pixels, String> {
    let (height, width) = (image.height() as usize, image.width() as usize);
    let values = match (image, channels) {
        (DynamicImage::ImageLuma8(gray), 1) => gray.into_raw(),
        (DynamicImage::ImageRgb8(rgb), 3) => rgb.into_raw(),
        // Lossless, and what torchvision's loader does.
        (gray @ DynamicImage::ImageLuma8(_), 3) => gray.into_rgb8().into_raw(),
        (image, _) => return Err(mismatch(&image, channels)),
    };
    Ok(Pixels { height, width, channels, values })
}

/// One plane for each channel.
fn planes(pixels: &Pixels) -> Vec<i16> {
    let channel = |channel| pixels.values.iter().skip(channel).step_by(pixels.channels);
    (0..pixels.channels).flat_map(channel).copied().map(i16::from).collect()
}

fn check_quantum(spec: InputSpec) -> Result<(), String> {
    if spec.quantum == Quantum::EIGHT_BIT {
        return Ok(());
    }
    Err(format!("an 8-bit image has quantum 1/255, experts.toml expects {}", spec.quantum))
}

fn mismatch(image: &DynamicImage, channels: usize) -> String {
    let color = image.color();
    let bits = color.bits_per_pixel() / u16::from(color.channel_count());
    if bits != 8 {
        return format!(
            "{bits} bits per channel found, expected 8: convert it (`magick in.png -depth 8 out.png`)"
        );
    }
    if color.has_alpha() {
        return "an alpha channel found, expected none: flatten it (`magick in.png -background white -alpha remove -alpha off out.png`)".to_owned();
    }
    let found = color.channel_count();
    format!(
        "{found} channels found, expected {channels}: which colours to keep is yours to decide, convert the image first"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_image;
    use drs_core::lattice::{Given, Shape};
    use image::{GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba};

    fn spec(shape: [usize; 3]) -> InputSpec {
        InputSpec { shape: Shape::new(shape).unwrap(), quantum: Quantum::EIGHT_BIT, resize: None }
    }

    fn saved(
        image: impl Into<DynamicImage>,
        name: &str,
    ) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        image.into().save(&path).unwrap();
        (folder, path)
    }

    #[test]
    fn gray_and_rgb_become_planes() {
        let (_keep, path) =
            saved(GrayImage::from_fn(3, 2, |x, y| Luma([(10 * y + x) as u8])), "g.png");
        let input = read_image(&path, spec([1, 2, 3])).unwrap();
        assert_eq!(input.values(), [0, 1, 2, 10, 11, 12]);
        let input = read_image(&path, spec([3, 2, 3])).unwrap();
        assert_eq!(input.values()[6..12], [0, 1, 2, 10, 11, 12], "replicated");
        let (_keep, path) =
            saved(RgbImage::from_fn(2, 1, |x, _| Rgb([1, 2, 3 + x as u8])), "c.PNG");
        let input = read_image(&path, spec([3, 1, 2])).unwrap();
        assert_eq!(input.values(), [1, 1, 2, 2, 3, 4]);
        assert_eq!(input.given(), Given::Lattice);
    }

    #[test]
    fn a_jpeg_is_read() {
        let (_keep, path) = saved(RgbImage::from_pixel(8, 8, Rgb([100, 150, 200])), "c.jpg");
        let input = read_image(&path, spec([3, 8, 8])).unwrap();
        assert!((i32::from(input.values()[0]) - 100).abs() < 5);
    }

    #[test]
    fn what_would_lose_something_is_an_error_that_says_how_to_mend_it() {
        let cases: [(DynamicImage, &str); 5] = [
            (ImageBuffer::from_pixel(2, 2, Rgba([1u8, 2, 3, 4])).into(), "alpha channel"),
            (ImageBuffer::from_pixel(2, 2, LumaA([1u8, 2])).into(), "alpha channel"),
            (ImageBuffer::from_pixel(2, 2, Luma([1u16])).into(), "16 bits"),
            (
                ImageBuffer::from_pixel(2, 2, Rgb([1u8, 2, 3])).into(),
                "3 channels found, expected 1",
            ),
            (
                ImageBuffer::from_pixel(3, 2, Luma([1u8])).into(),
                "2x3 (height x width), expected 2x2",
            ),
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
        assert_eq!(read_image(&path, spec([3, 1, 2])).unwrap().values(), [4, 1, 5, 2, 6, 3]);
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
        // All pixels and their checksums precede PNG's last chunk and its checksum.
        for (name, spare) in [("t.png", 16), ("t.jpg", 0)] {
            let (_keep, path) = saved(rgb.clone(), name);
            let whole = read_image(&path, spec([3, 24, 24])).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            for length in 0..bytes.len() {
                std::fs::write(&path, &bytes[..length]).unwrap();
                match read_image(&path, spec([3, 24, 24])) {
                    Ok(input) => {
                        assert!(length + spare >= bytes.len(), "{name}: {length} bytes");
                        assert_eq!(input, whole, "{name}: {length} bytes");
                    }
                    Err(error) => assert!(error.to_string().contains(name), "{error}"),
                }
            }
        }
    }

    #[test]
    fn no_damaged_bit_of_a_png_changes_pixels_unnoticed() {
        let (_keep, path) = saved(GrayImage::from_fn(5, 5, |x, y| Luma([(x * y) as u8])), "g.png");
        let whole = read_image(&path, spec([1, 5, 5])).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for bit in 0..8 * bytes.len() {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, damaged).unwrap();
            if let Ok(input) = read_image(&path, spec([1, 5, 5])) {
                assert_eq!(input, whole, "bit {bit}");
            }
        }
    }

    #[test]
    fn absent_and_unknown_files_are_errors() {
        let error = |name: &str| read_image(Path::new(name), spec([1, 5, 5])).unwrap_err();
        assert!(error("absent.png").to_string().contains("absent.png: No such file"));
        assert!(error("file.bmp").to_string().contains("expected .png, .jpg, .jpeg or .npy"));
    }
}
