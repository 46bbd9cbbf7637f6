//! PNG and JPEG.

use std::path::Path;

use drs_core::lattice::{LatticeInput, Quantum};
use image::{DynamicImage, ImageReader};

use crate::InputSpec;
use crate::error::DataError;

pub(crate) fn read(path: &Path, spec: InputSpec) -> Result<LatticeInput, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    if spec.quantum != Quantum::EIGHT_BIT {
        let quantum = spec.quantum;
        return Err(fail(format!(
            "an 8-bit image has quantum 1/255, experts.toml expects {quantum}"
        )));
    }
    let image = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|error| fail(error.to_string()))?
        .decode()
        .map_err(|error| fail(format!("cannot be decoded: {error}")))?;
    let [channels, height, width] = spec.shape.dims();
    let found = (image.height() as usize, image.width() as usize);
    if found != (height, width) {
        let (h, w) = found;
        return Err(fail(format!(
            "the image is {h}x{w} (height x width), expected {height}x{width}"
        )));
    }
    let interleaved = match (&image, channels) {
        (DynamicImage::ImageLuma8(gray), 1) => gray.as_raw().clone(),
        (DynamicImage::ImageRgb8(rgb), 3) => rgb.as_raw().clone(),
        // Lossless, and what torchvision's loader does.
        (DynamicImage::ImageLuma8(_), 3) => image.to_rgb8().into_raw(),
        _ => return Err(fail(mismatch(&image, channels))),
    };
    let plane = height * width;
    let mut values = vec![0i16; interleaved.len()];
    for (pixel, colours) in interleaved.chunks_exact(channels).enumerate() {
        for (channel, &value) in colours.iter().enumerate() {
            values[channel * plane + pixel] = i16::from(value);
        }
    }
    LatticeInput::new(spec.shape, spec.quantum, values).map_err(|error| fail(error.to_string()))
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
    use drs_core::lattice::Shape;
    use image::{GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba};

    fn spec(shape: [usize; 3]) -> InputSpec {
        InputSpec { shape: Shape::new(shape).unwrap(), quantum: Quantum::EIGHT_BIT }
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
        assert!(!input.quantised());
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
    fn every_truncation_is_an_error() {
        let (_keep, path) = saved(GrayImage::from_fn(5, 5, |x, y| Luma([(x * y) as u8])), "g.png");
        let bytes = std::fs::read(&path).unwrap();
        for length in 0..bytes.len() - 12 {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(read_image(&path, spec([1, 5, 5])).is_err(), "{length} bytes");
        }
        assert!(read_image(Path::new("absent.png"), spec([1, 5, 5])).is_err());
        assert!(read_image(Path::new("file.bmp"), spec([1, 5, 5])).is_err());
    }
}
