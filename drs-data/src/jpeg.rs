//! What the JPEG decoder lets pass: files cut short, and colours it converts.
//!
//! The `image` crate decodes JPEG leniently: it fills what is missing with
//! grey and turns CMYK into RGB. Either would be certified as if it were the
//! image, so the markers are walked here before anything is decoded.

const END_OF_IMAGE: u8 = 0xd9;

/// Whether the file is whole, 8-bit, and gray or YCbCr/RGB.
///
/// Damage inside the compressed data cannot be told: JPEG has no checksum.
pub(crate) fn check(bytes: &[u8]) -> Result<(), String> {
    let cut =
        || "cannot be decoded: the JPEG ends before its end marker, it is cut short".to_owned();
    let mut position = 0;
    loop {
        let (marker, after) = next_marker(bytes, position).ok_or_else(cut)?;
        position = after;
        match marker {
            END_OF_IMAGE => return Ok(()),
            // TEM, RSTn and start of image: markers without a segment.
            0x01 | 0xd0..=0xd8 => continue,
            _ => {}
        }
        let segment = segment(bytes, position).ok_or_else(cut)?;
        if is_frame_header(marker) {
            check_frame(segment)?;
        }
        // Compressed data after a scan's header holds no marker but restarts:
        // looking for the next marker skips it.
        position += segment.len();
    }
}

/// The next marker from `position` on, and where the bytes after it start.
///
/// 0xff followed by 0x00 is an escaped byte of compressed data, 0xff followed
/// by 0xff is padding.
fn next_marker(bytes: &[u8], position: usize) -> Option<(u8, usize)> {
    let rest = bytes.get(position..)?;
    let offset =
        rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff))?;
    Some((rest[offset + 1], position + offset + 2))
}

/// The segment at `position`, with the two bytes of its length.
fn segment(bytes: &[u8], position: usize) -> Option<&[u8]> {
    let rest = bytes.get(position..)?;
    let length = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
    rest.get(..length.max(2))
}

/// SOF0 to SOF15; DHT, JPG and DAC lie between them.
fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

/// A frame header: length (2), bits, height (2), width (2), components.
fn check_frame(segment: &[u8]) -> Result<(), String> {
    let (Some(&bits), Some(&components)) = (segment.get(2), segment.get(7)) else {
        return Err("cannot be decoded: its frame header is too short".to_owned());
    };
    if bits != 8 {
        return Err(format!(
            "{bits} bits per channel found, expected 8: convert it (`magick in.jpg -depth 8 out.png`)"
        ));
    }
    if !matches!(components, 1 | 3) {
        return Err(format!(
            "a JPEG of {components} channels (CMYK) found, expected gray or RGB: convert it (`magick in.jpg -colorspace sRGB out.png`)"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Start, a frame header, a scan of three bytes, end.
    fn jpeg(bits: u8, components: u8) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xc0, 0, 8, bits, 0, 1, 0, 1, components];
        bytes.extend([0xff, 0xda, 0, 3, 0, 0x12, 0xff, 0x00, 0xff, 0xd9]);
        bytes
    }

    #[test]
    fn a_whole_file_passes_and_every_truncation_fails() {
        let whole = jpeg(8, 3);
        assert_eq!(check(&whole), Ok(()));
        for length in 0..whole.len() {
            assert!(check(&whole[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn the_end_marker_of_a_thumbnail_is_not_the_files() {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe1, 0, 4, 0xff, 0xd9];
        assert!(check(&bytes).unwrap_err().contains("cut short"));
        bytes.extend([0xff, 0xd9]);
        assert_eq!(check(&bytes), Ok(()));
    }

    #[test]
    fn restarts_do_not_end_a_scan() {
        let mut bytes = jpeg(8, 1);
        bytes.truncate(bytes.len() - 2);
        bytes.extend([0xff, 0xd0, 0x34, 0xff, 0xd1, 0x56]);
        assert!(check(&bytes).is_err());
        bytes.extend([0xff, 0xff, 0xd9]);
        assert_eq!(check(&bytes), Ok(()));
    }

    #[test]
    fn other_depths_and_colours_are_named() {
        assert!(check(&jpeg(12, 1)).unwrap_err().contains("12 bits per channel"));
        assert!(check(&jpeg(8, 4)).unwrap_err().contains("4 channels (CMYK)"));
        let short = [0xff, 0xd8, 0xff, 0xc0, 0, 2, 0xff, 0xd9];
        assert!(check(&short).unwrap_err().contains("frame header"));
    }
}
