//! From the channels that a file has to those that models take.

use image::{DynamicImage, GrayImage, RgbImage};

use crate::resize::Pixels;

/// What is said where a file's channels are not the models'.
pub(super) const OPAQUE: &str = "alpha of 255 everywhere left out";
pub(super) const REPEATED: &str = "gray repeated in three channels";
pub(super) const EQUAL: &str = "three equal channels taken as gray";

/// The image with 1 or 3 channels of 8 bits. Nothing is lost: what would be is an error.
/// What is converted is added to `notes`.
pub(super) fn pixels(
    image: DynamicImage,
    channels: usize,
    notes: &mut Vec<String>,
) -> Result<Pixels, String> {
    let (height, width) = (image.height() as usize, image.width() as usize);
    let mut note = |text: &str| notes.push(text.to_owned());
    let image = match opaque(image) {
        Ok((image, was_alpha)) => {
            if was_alpha {
                note(OPAQUE);
            }
            image
        }
        Err(image) => return Err(mismatch(&image, channels)),
    };
    let values = match (image, channels) {
        (DynamicImage::ImageLuma8(gray), 1) => gray.into_raw(),
        (DynamicImage::ImageRgb8(rgb), 3) => rgb.into_raw(),
        // What torchvision's loader does.
        (gray @ DynamicImage::ImageLuma8(_), 3) => {
            note(REPEATED);
            gray.into_rgb8().into_raw()
        }
        // As `Grayscale` gives them: its weights sum to one.
        (DynamicImage::ImageRgb8(rgb), 1) if rgb.pixels().all(|p| p.0 == [p.0[0]; 3]) => {
            note(EQUAL);
            rgb.pixels().map(|pixel| pixel.0[0]).collect()
        }
        (image, _) => return Err(mismatch(&image, channels)),
    };
    Ok(Pixels { height, width, channels, values })
}

/// The image without a channel of alpha that says nothing, and whether there was one;
/// the image itself where it says something.
fn opaque(image: DynamicImage) -> Result<(DynamicImage, bool), DynamicImage> {
    let (width, height) = (image.width(), image.height());
    let without = match &image {
        DynamicImage::ImageRgba8(rgba) if rgba.pixels().all(|p| p.0[3] == u8::MAX) => {
            let values = rgba.pixels().flat_map(|p| [p.0[0], p.0[1], p.0[2]]).collect();
            RgbImage::from_raw(width, height, values).map(DynamicImage::from)
        }
        DynamicImage::ImageLumaA8(gray) if gray.pixels().all(|p| p.0[1] == u8::MAX) => {
            let values = gray.pixels().map(|p| p.0[0]).collect();
            GrayImage::from_raw(width, height, values).map(DynamicImage::from)
        }
        DynamicImage::ImageRgba8(_) | DynamicImage::ImageLumaA8(_) => None,
        _ => return Ok((image, false)),
    };
    without.map(|without| (without, true)).ok_or(image)
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
        return "an alpha channel found that is not 255 everywhere, expected none: flatten it (`magick in.png -background white -alpha remove -alpha off out.png`), or leave alpha out as torchvision does (`magick in.png -alpha off out.png`)".to_owned();
    }
    let found = color.channel_count();
    format!(
        "{found} channels found, expected {channels}: which colours to keep is yours to decide, convert the image first (`magick in.png -colorspace gray out.png`)"
    )
}
