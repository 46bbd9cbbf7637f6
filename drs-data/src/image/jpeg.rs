//! What the JPEG decoder lets pass, and which colours it is told.
//!
//! The `image` crate decodes JPEG leniently: it fills what is missing with
//! grey. That would be certified as if it were the image, so the markers are
//! walked here before anything is decoded. The colours that a file has are
//! found as libjpeg finds them, and the decoder is told: left alone, it takes
//! some files for others' (RGB that only its components' names tell).

use std::borrow::Cow;

const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const JFIF: u8 = 0xe0;
const ADOBE: u8 = 0xee;

/// What a file says before its first scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    colours: Colours,
    /// Where the first scan begins.
    scan: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    Gray,
    YCbCr,
    Rgb,
    Cmyk,
    Ycck,
}

/// What tells the colours.
#[derive(Default)]
struct Signs {
    jfif: bool,
    /// The transform that an Adobe marker names.
    adobe: Option<u8>,
    /// Names of the components.
    components: Vec<u8>,
}

impl Signs {
    /// As libjpeg decides (`default_decompress_parms`), and so Pillow.
    fn colours(&self) -> Result<Colours, String> {
        match (self.components.as_slice(), self.adobe) {
            ([_], _) => Ok(Colours::Gray),
            ([_, _, _], _) if self.jfif => Ok(Colours::YCbCr),
            ([_, _, _], Some(0)) => Ok(Colours::Rgb),
            ([_, _, _], Some(_)) => Ok(Colours::YCbCr),
            ([b'R', b'G', b'B'], None) => Ok(Colours::Rgb),
            ([_, _, _], None) => Ok(Colours::YCbCr),
            ([_, _, _, _], None | Some(0)) => Ok(Colours::Cmyk),
            ([_, _, _, _], Some(_)) => Ok(Colours::Ycck),
            (others, _) => Err(format!(
                "a JPEG of {} channels found, expected 1, 3 or 4: convert it (`magick in.jpg -colorspace sRGB out.png`)",
                others.len()
            )),
        }
    }
}

impl Header {
    /// What is said of colours that are converted.
    pub(super) fn conversion(self) -> Option<String> {
        match self.colours {
            Colours::Gray | Colours::YCbCr | Colours::Rgb => None,
            Colours::Cmyk | Colours::Ycck => Some("CMYK to RGB as Pillow does it".to_owned()),
        }
    }

    /// The file with an Adobe marker, the last one, that names the colours.
    pub(super) fn told(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        let transform = match self.colours {
            Colours::Gray => return Cow::Borrowed(bytes),
            Colours::Rgb | Colours::Cmyk => 0,
            Colours::YCbCr => 1,
            Colours::Ycck => 2,
        };
        let (before, after) = bytes.split_at(self.scan.min(bytes.len()));
        let marker = [&[0xff, ADOBE, 0, 14][..], b"Adobe", &[0, 100, 0, 0, 0, 0, transform]];
        Cow::Owned([before, &marker.concat(), after].concat())
    }
}

/// The header of a file that is whole and has 8 bits.
///
/// Damage inside the compressed data cannot be told: JPEG has no checksum.
pub(super) fn check(bytes: &[u8]) -> Result<Header, String> {
    let cut =
        || "cannot be decoded: the JPEG ends before its end marker, it is cut short".to_owned();
    let mut position = 0;
    let mut signs = Signs::default();
    let mut header = None;
    loop {
        let (marker, after) = next_marker(bytes, position).ok_or_else(cut)?;
        position = after;
        match marker {
            END_OF_IMAGE => {
                return header.ok_or_else(|| "cannot be decoded: the JPEG has no image".to_owned());
            }
            // TEM, RSTn and start of image: markers without a segment.
            0x01 | 0xd0..=0xd8 => continue,
            _ => {}
        }
        let segment = segment(bytes, position).ok_or_else(cut)?;
        match marker {
            START_OF_SCAN if header.is_none() => {
                header = Some(Header { colours: signs.colours()?, scan: position - 2 });
            }
            JFIF if segment.len() >= 16 && segment[2..].starts_with(b"JFIF\0") => {
                signs.jfif = true;
            }
            ADOBE if segment.len() >= 14 && segment[2..].starts_with(b"Adobe") => {
                signs.adobe = segment.get(13).copied();
            }
            _ if is_frame_header(marker) => signs.components = frame(segment)?,
            _ => {}
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

/// The names of a frame's components. Its header: length (2), bits, height (2), width (2),
/// their number, and three bytes for each of them, its name first.
fn frame(segment: &[u8]) -> Result<Vec<u8>, String> {
    let short = || "cannot be decoded: its frame header is too short".to_owned();
    let (Some(&bits), Some(&components)) = (segment.get(2), segment.get(7)) else {
        return Err(short());
    };
    if bits != 8 {
        return Err(format!(
            "{bits} bits per channel found, expected 8: convert it (`magick in.jpg -depth 8 out.png`)"
        ));
    }
    let told = segment[8..].chunks_exact(3).take(components.into());
    if told.len() < usize::from(components) {
        return Err(short());
    }
    check_sampling(told.clone().map(|component| (component[1] >> 4, component[1] & 15)))?;
    Ok(told.map(|component| component[0]).collect())
}

/// Refuses components that are sampled otherwise than files in use are: the decoder takes none that
/// is finer than the first one, and no thirds.
fn check_sampling(factors: impl Iterator<Item = (u8, u8)> + Clone) -> Result<(), String> {
    let usual = |factor: u8, first: u8| matches!(factor, 1 | 2 | 4) && factor <= first;
    // A single component is its own measure.
    let Some((across, down)) = factors.clone().next().filter(|_| factors.clone().nth(1).is_some())
    else {
        return Ok(());
    };
    match factors.into_iter().find(|&(h, v)| !(usual(h, across) && usual(v, down))) {
        None => Ok(()),
        Some((h, v)) => Err(format!(
            "a JPEG with a component sampled {h}x{v} found where the first is {across}x{down}, expected 1, 2 or 4 and no more than the first: convert it (`magick in.jpg out.png`)"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A marker and its segment.
    fn marker(marker: u8, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker][..], &length, data].concat()
    }

    /// Start, these segments, a frame of components of these names, a scan of three bytes, end.
    fn jpeg(before: &[u8], bits: u8, components: &[u8]) -> Vec<u8> {
        let number = u8::try_from(components.len()).unwrap();
        let frame: Vec<u8> = components.iter().flat_map(|name| [*name, 0x11, 0]).collect();
        let frame = marker(0xc0, &[&[bits, 0, 1, 0, 1, number][..], &frame].concat());
        let scan = [&marker(START_OF_SCAN, &[0])[..], &[0x12, 0xff, 0x00, 0xff, 0xd9]].concat();
        [&[0xff, 0xd8][..], before, &frame, &scan].concat()
    }

    fn adobe(transform: u8) -> Vec<u8> {
        marker(ADOBE, &[b"Adobe".as_slice(), &[0, 100, 0, 0, 0, 0, transform]].concat())
    }

    #[test]
    fn a_whole_file_passes_and_every_truncation_fails() {
        let whole = jpeg(&[], 8, &[1, 2, 3]);
        assert!(check(&whole).is_ok());
        for length in 0..whole.len() {
            assert!(check(&whole[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn the_end_marker_of_a_thumbnail_is_not_the_files() {
        let whole = jpeg(&marker(0xe1, &[0xff, 0xd9]), 8, &[1]);
        assert!(check(&whole).is_ok());
        assert!(check(&whole[..whole.len() - 2]).unwrap_err().contains("cut short"));
    }

    #[test]
    fn restarts_do_not_end_a_scan() {
        let mut bytes = jpeg(&[], 8, &[1]);
        bytes.truncate(bytes.len() - 2);
        bytes.extend([0xff, 0xd0, 0x34, 0xff, 0xd1, 0x56]);
        assert!(check(&bytes).is_err());
        bytes.extend([0xff, 0xff, 0xd9]);
        assert!(check(&bytes).is_ok());
    }

    #[test]
    fn what_is_no_image_of_eight_bits_is_named() {
        assert!(check(&jpeg(&[], 12, &[1])).unwrap_err().contains("12 bits per channel"));
        assert!(check(&jpeg(&[], 8, &[1, 2])).unwrap_err().contains("2 channels"));
        let short = [&[0xff, 0xd8][..], &marker(0xc0, &[]), &[0xff, 0xd9]].concat();
        assert!(check(&short).unwrap_err().contains("frame header"));
        assert!(check(&[0xff, 0xd8, 0xff, 0xd9]).unwrap_err().contains("no image"));
    }

    #[test]
    fn samplings_that_no_encoder_writes_are_refused() {
        let sampled = |factors: &[u8]| {
            let components: Vec<u8> = (1..).take(factors.len()).collect();
            let mut bytes = jpeg(&[], 8, &components);
            let first = 2 + 4 + 6;
            factors
                .iter()
                .enumerate()
                .for_each(|(place, &both)| bytes[first + 3 * place + 1] = both);
            check(&bytes)
        };
        for fine in [
            &[0x11; 3][..],
            &[0x22, 0x11, 0x11],
            &[0x21, 0x11, 0x11],
            &[0x12, 0x11, 0x11],
            &[0x41, 0x11, 0x11],
            &[0x22, 0x11, 0x11, 0x22],
            &[0x22, 0x21, 0x12],
            &[0x33],
        ] {
            assert!(sampled(fine).is_ok(), "{fine:x?}");
        }
        for (odd, words) in [
            (&[0x11, 0x11, 0x11, 0x23][..], "sampled 2x3 found where the first is 1x1"),
            (&[0x33, 0x11, 0x11], "sampled 3x3"),
            (&[0x11, 0x21, 0x11], "sampled 2x1"),
            (&[0x11, 0x01, 0x11], "sampled 0x1"),
        ] {
            assert!(sampled(odd).unwrap_err().contains(words), "{odd:x?}");
        }
    }

    #[test]
    fn colours_are_those_that_libjpeg_finds() {
        let jfif = || marker(JFIF, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0");
        let both = [jfif(), adobe(0)].concat();
        /// Markers, names of components, what they mean, and the transform that tells it.
        type Case<'a> = (&'a [u8], &'a [u8], Colours, Option<u8>);
        let cases: [Case<'_>; 11] = [
            (&[], &[1], Colours::Gray, None),
            (&adobe(0), &[1], Colours::Gray, None),
            (&jfif(), b"RGB", Colours::YCbCr, Some(1)),
            (&[], b"RGB", Colours::Rgb, Some(0)),
            (&[], &[1, 2, 3], Colours::YCbCr, Some(1)),
            (&adobe(0), &[1, 2, 3], Colours::Rgb, Some(0)),
            (&both, &[1, 2, 3], Colours::YCbCr, Some(1)),
            (&adobe(2), &[1, 2, 3], Colours::YCbCr, Some(1)),
            (&[], &[1, 2, 3, 4], Colours::Cmyk, Some(0)),
            (&adobe(0), &[1, 2, 3, 4], Colours::Cmyk, Some(0)),
            (&adobe(1), &[1, 2, 3, 4], Colours::Ycck, Some(2)),
        ];
        for (before, components, colours, transform) in cases {
            let bytes = jpeg(before, 8, components);
            let header = check(&bytes).unwrap();
            assert_eq!(header.colours, colours, "{before:?} {components:?}");
            let told = header.told(&bytes);
            let Some(transform) = transform else {
                assert_eq!(*told, *bytes);
                continue;
            };
            // The last marker before the scan counts; nothing else is changed.
            let place = header.scan;
            assert_eq!(bytes[place..place + 2], [0xff, START_OF_SCAN]);
            assert_eq!(told[place..place + 16], adobe(transform), "{components:?}");
            assert_eq!([&told[..place], &told[place + 16..]].concat(), bytes);
            assert_eq!(check(&told).unwrap().colours, colours);
        }
    }
}
