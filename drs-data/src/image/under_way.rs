//! How much is decoded at once: threads wait for each other, however large their images.

use std::sync::{Condvar, Mutex, PoisonError};

use drs_memory::{OverBudget, budget};
use image::{ImageDecoder, ImageFormat};

/// Bytes for each pixel of formats whose decoders keep more than the samples: a progressive JPEG
/// has its coefficients beside them.
const BYTES: u64 = 9;

static TAKEN: Mutex<u64> = Mutex::new(0);
static LESS: Condvar = Condvar::new();

/// Room for an image; given back when it is dropped.
pub(super) struct Room(u64);

impl Room {
    /// Waits until there is room for an image of so many bytes. Half of the budget is for images
    /// under way, since what is kept has the rest. One that is too large even alone is an error.
    pub(super) fn of(wanted: u64) -> Result<Self, String> {
        let (budget, most) = (budget(), budget() / 2);
        if wanted > most {
            let wanted = wanted.saturating_mul(2);
            return Err(OverBudget { wanted, elsewhere: 0, budget }.to_string());
        }
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken + wanted > most {
            taken = LESS.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += wanted;
        Ok(Self(wanted))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= self.0;
        LESS.notify_all();
    }
}

/// The most bytes that an image takes while it is decoded and its channels become `channels`.
pub(super) fn needed(decoder: &impl ImageDecoder, format: ImageFormat, channels: usize) -> u64 {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    match format {
        // Decoded row by row.
        ImageFormat::Png | ImageFormat::Pnm | ImageFormat::Bmp => {
            let found = usize::from(decoder.color_type().channel_count());
            let copied = if found == channels { 0 } else { channels.max(found) as u64 };
            decoder.total_bytes().saturating_add(pixels.saturating_mul(copied))
        }
        _ => pixels.saturating_mul(BYTES).max(decoder.total_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_wait_for_each_other_and_one_too_large_does_not() {
        let most = budget() / 2;
        let first = Room::of(most / 10 * 9).unwrap();
        assert!(Room::of(most / 10 * 11).is_err_and(|problem| problem.contains("--memory")));
        std::thread::scope(|scope| {
            let second = scope.spawn(|| Room::of(most / 10 * 9).map(drop));
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(!second.is_finished());
            drop(first);
            assert!(second.join().unwrap().is_ok());
        });
    }

    #[test]
    fn a_copy_in_other_channels_is_counted() {
        use image::{DynamicImage, ImageReader};
        let needed = |image: DynamicImage, format, channels| {
            let mut file = std::io::Cursor::new(Vec::new());
            image.write_to(&mut file, format).unwrap();
            file.set_position(0);
            let decoder = ImageReader::with_format(file, format).into_decoder().unwrap();
            needed(&decoder, format, channels) / 15
        };
        let (png, jpeg) = (ImageFormat::Png, ImageFormat::Jpeg);
        assert_eq!(needed(DynamicImage::new_rgba8(5, 3), png, 3), 4 + 4);
        assert_eq!(needed(DynamicImage::new_rgb8(5, 3), png, 3), 3);
        assert_eq!(needed(DynamicImage::new_luma8(5, 3), png, 1), 1);
        assert_eq!(needed(DynamicImage::new_luma8(5, 3), png, 3), 1 + 3);
        assert_eq!(needed(DynamicImage::new_rgb16(5, 3), png, 3), 6);
        assert_eq!(needed(DynamicImage::new_rgb8(5, 3), jpeg, 3), 9);
    }
}
