//! Files of images: PNG, JPEG, BMP, PPM and PGM, TIFF, WebP and GIF.

mod channels;
mod format;
mod jpeg;
mod under_way;

use std::io::Cursor;
use std::path::Path;

use drs_core::lattice::{LatticeInput, Quantum};
use image::codecs::pnm::PnmDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageFormat, ImageReader};

use crate::error::DataError;
use crate::guard::guarded;
use crate::resize::Pixels;
use crate::{Image, InputSpec};

pub(crate) use format::has_image_name;
use under_way::{Room, needed};

/// The image in a file.
pub(crate) fn read(path: &Path, spec: InputSpec) -> Result<Image, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    check_quantum(spec).map_err(fail)?;
    let (bytes, _claim) = drs_memory::read_file(path).map_err(|error| fail(error.to_string()))?;
    decode(&bytes, Some(path), spec).map_err(fail)
}

/// The image in these bytes; `path` is where they are from, if a file holds nothing else.
pub(crate) fn decode(bytes: &[u8], path: Option<&Path>, spec: InputSpec) -> Result<Image, String> {
    check_quantum(spec)?;
    let format = format::inside(bytes)?;
    let mut notes: Vec<String> = format::conversion(format, path).into_iter().collect();
    let (image, _room) = guarded(|| match format {
        ImageFormat::Jpeg => {
            let header = jpeg::check(bytes)?;
            notes.extend(header.conversion());
            whole(&header.told(bytes), format, spec)
        }
        ImageFormat::Pnm => {
            check_maximum(bytes)?;
            whole(bytes, format, spec)
        }
        ImageFormat::Gif => {
            notes.push("the first frame of a GIF".to_owned());
            whole(bytes, format, spec)
        }
        _ => whole(bytes, format, spec),
    })?;
    let pixels = channels::pixels(image, spec.shape.dims()[0], &mut notes)?;
    let pixels = match spec.resize {
        None => pixels,
        Some(resize) => {
            let [_, height, width] = spec.shape.dims();
            resize.apply(&pixels, height, width)
        }
    };
    let values = planes(&pixels);
    let input = LatticeInput::new(spec.shape, spec.quantum, values);
    let conversion = (!notes.is_empty()).then(|| notes.join("; "));
    Ok(Image { input: input.map_err(|error| error.to_string())?, conversion })
}

/// All pixels as the file has them.
///
/// The room is to be held as long as they are.
fn whole(
    bytes: &[u8],
    format: ImageFormat,
    spec: InputSpec,
) -> Result<(DynamicImage, Room), String> {
    let undecodable = |error: image::ImageError| format!("cannot be decoded: {error}");
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut decoder = reader.into_decoder().map_err(undecodable)?;
    // Checked before decoding, so that memory is bounded.
    check_size(decoder.dimensions(), spec)?;
    if format == ImageFormat::Tiff {
        check_tiff(&mut decoder)?;
    }
    let room = Room::of(needed(&decoder, format, spec.shape.dims()[0]))?;
    Ok((DynamicImage::from_decoder(decoder).map_err(undecodable)?, room))
}

/// What the decoder would do in another way than Pillow.
fn check_tiff(decoder: &mut impl ImageDecoder) -> Result<(), String> {
    if matches!(decoder.original_color_type(), ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16)
    {
        return Err("a TIFF in CMYK found, expected gray or RGB: convert it (`magick in.tif -colorspace sRGB out.png`)".to_owned());
    }
    // Pillow turns TIFF files, unlike all others, as their orientation says.
    match decoder.orientation() {
        Ok(Orientation::NoTransforms) => Ok(()),
        Ok(_) => Err("a TIFF that is to be turned found (its tag Orientation), expected none: turn it (`magick in.tif -auto-orient out.png`)".to_owned()),
        Err(error) => Err(format!("cannot be decoded: {error}")),
    }
}

/// Other maxima would be scaled, and libraries round differently.
fn check_maximum(bytes: &[u8]) -> Result<(), String> {
    let decoder = PnmDecoder::new(Cursor::new(bytes));
    let decoder = decoder.map_err(|error| format!("cannot be decoded: {error}"))?;
    match decoder.header().maximal_sample() {
        1 | 255 => Ok(()),
        found => Err(format!(
            "a PPM or PGM with the maximum {found} found, expected 255: convert it (`magick in.ppm -depth 8 out.png`)"
        )),
    }
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

#[cfg(test)]
mod tests;
