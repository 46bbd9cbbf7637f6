//! MATLAB's files of level 5 (`save -v6` and `-v7`): arrays of numbers by name.
//!
//! The format is MathWorks' "MAT-File Level 5": a header of 128 bytes, then elements, each with
//! its type and size before it, plain or compressed with zlib. Nothing is allocated as a header
//! says: what is read grows with what is there.

use std::io::{self, Read};

use flate2::read::ZlibDecoder;

/// Types of elements.
const INT8: u32 = 1;
const UINT8: u32 = 2;
const INT16: u32 = 3;
const UINT16: u32 = 4;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const DOUBLE: u32 = 9;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;

/// What describes an array is never longer.
const MOST: u32 = 4096;
/// In the flags of an array.
const COMPLEX: u32 = 0x0800;

/// An array, of which the values are not read yet.
pub(super) struct Array<'a> {
    pub(super) name: String,
    /// The first dimension varies fastest.
    pub(super) shape: Vec<usize>,
    complex: bool,
    source: Elements<&'a mut dyn Read>,
}

/// Shows every array of a file to `each`, which reads it or passes it over.
pub(super) fn arrays(
    mut source: impl Read,
    mut each: impl FnMut(Array<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let mut head = [0; 128];
    let short = |error: io::Error| format!("no MATLAB file: in its header of 128 bytes: {error}");
    source.read_exact(&mut head).map_err(short)?;
    let big_endian = match (&head[124..126], &head[126..128]) {
        ([0, 1], b"IM") => false,
        ([1, 0], b"MI") => true,
        ([0, 2], b"IM") => {
            return Err("a MATLAB file of version 7.3 (HDF5) found, expected level 5: save it with `save -v7`".to_owned());
        }
        _ => return Err("no MATLAB file of level 5: its header has no such mark".to_owned()),
    };
    let mut elements = Elements { source: &mut source, big_endian };
    while let Some((kind, size)) = elements.next()? {
        let mut body = elements.source.by_ref().take(u64::from(size));
        match kind {
            MATRIX => matrix(&mut body, big_endian, &mut each)?,
            COMPRESSED => {
                let mut inside = Elements { source: ZlibDecoder::new(&mut body), big_endian };
                match inside.next()? {
                    Some((MATRIX, size)) => {
                        let mut body = (&mut inside.source).take(u64::from(size));
                        matrix(&mut body, big_endian, &mut each)?;
                        passed(&mut body)?;
                        // The end has the checksum of all before it.
                        let more = inside.source.read(&mut [0]);
                        if more.map_err(|error| format!("is damaged: {error}"))? > 0 {
                            return Err("is damaged: an array goes on after its end".to_owned());
                        }
                    }
                    _ => return Err("a compressed element holds no array".to_owned()),
                }
            }
            kind => return Err(format!("an element of type {kind}, expected an array (14 or 15)")),
        }
        passed(&mut body)?;
    }
    Ok(())
}

/// Goes over what is left; less than was promised is an error.
fn passed(body: &mut io::Take<impl Read>) -> Result<(), String> {
    io::copy(body, &mut io::sink()).map_err(|error| format!("is damaged: {error}"))?;
    match body.limit() {
        0 => Ok(()),
        left => Err(format!("is cut short: {left} bytes of an array are missing")),
    }
}

/// The array in an element's body.
fn matrix(
    body: &mut dyn Read,
    big_endian: bool,
    each: &mut impl FnMut(Array<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let mut source = Elements { source: body, big_endian };
    let flags = source.small(UINT32, "its flags")?;
    let flags = flags.first().copied().unwrap_or(0);
    let dims = source.small(INT32, "its dimensions")?;
    let shape: Vec<usize> = dims.into_iter().map(|dim| dim as usize).collect();
    let name: Vec<u8> = source.small(INT8, "its name")?.into_iter().map(|c| c as u8).collect();
    let name = String::from_utf8_lossy(&name).into_owned();
    // Cells, structures, texts, sparse arrays: 1 to 5 and 16 on; numbers are 6 to 15.
    if !(6..=15).contains(&(flags & 0xff)) {
        return each(Array { name, shape: Vec::new(), complex: false, source });
    }
    each(Array { name, shape, complex: flags & COMPLEX != 0, source })
}

impl Array<'_> {
    /// The number of values.
    fn count(&self) -> Result<usize, String> {
        let count = self.shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
        let known = !self.shape.is_empty() && !self.complex;
        count.filter(|_| known).ok_or_else(|| {
            format!("{} is no array of real numbers, or too large ({:?})", self.name, self.shape)
        })
    }

    /// The values of an array of uint8.
    pub(super) fn bytes(mut self) -> Result<Vec<u8>, String> {
        match self.values()? {
            (UINT8, bytes) => Ok(bytes),
            (kind, _) => {
                Err(format!("{} has values of type {kind}, expected uint8 (2)", self.name))
            }
        }
    }

    /// The values of an array of integers; MATLAB keeps them in any type that holds them.
    pub(super) fn integers(mut self) -> Result<Vec<i64>, String> {
        let big_endian = self.source.big_endian;
        let (kind, bytes) = self.values()?;
        let values: Vec<f64> = match kind {
            INT8 => each(&bytes, big_endian, |b| i8::from_le_bytes(b).into()),
            UINT8 => each(&bytes, big_endian, |b| u8::from_le_bytes(b).into()),
            INT16 => each(&bytes, big_endian, |b| i16::from_le_bytes(b).into()),
            UINT16 => each(&bytes, big_endian, |b| u16::from_le_bytes(b).into()),
            INT32 => each(&bytes, big_endian, |b| i32::from_le_bytes(b).into()),
            UINT32 => each(&bytes, big_endian, |b| u32::from_le_bytes(b).into()),
            DOUBLE => each(&bytes, big_endian, f64::from_le_bytes),
            kind => return Err(format!("{} has values of type {kind}", self.name)),
        };
        let whole = |value: f64| {
            let fits = value.fract() == 0.0 && value.abs() < f64::from(u32::MAX);
            #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
            fits.then_some(value as i64)
                .ok_or_else(|| format!("{} holds {value}, expected whole numbers", self.name))
        };
        values.into_iter().map(whole).collect()
    }

    /// The type of the values and their bytes.
    fn values(&mut self) -> Result<(u32, Vec<u8>), String> {
        let count = self.count()?;
        let name = &self.name;
        let Some((kind, size, inline)) = self.source.tag()? else {
            return Err(format!("{name} has no values"));
        };
        let each = match kind {
            INT8 | UINT8 => 1,
            INT16 | UINT16 => 2,
            INT32 | UINT32 => 4,
            DOUBLE => 8,
            kind => return Err(format!("{name} has values of type {kind}, which is not read")),
        };
        if count.checked_mul(each) != Some(size as usize) {
            return Err(format!(
                "{name} has {size} bytes for {:?} values of {each} bytes",
                self.shape
            ));
        }
        let bytes = match inline {
            Some(bytes) => bytes[..(size as usize).min(bytes.len())].to_vec(),
            None => self.source.body(size)?,
        };
        Ok((kind, bytes))
    }
}

/// Numbers of `N` bytes.
fn each<const N: usize>(
    bytes: &[u8],
    big_endian: bool,
    value: impl Fn([u8; N]) -> f64,
) -> Vec<f64> {
    let in_order = |bytes: &[u8; N]| {
        let mut bytes = *bytes;
        if big_endian {
            bytes.reverse();
        }
        value(bytes)
    };
    bytes.as_chunks().0.iter().map(in_order).collect()
}

/// Elements one after the other.
struct Elements<R> {
    source: R,
    big_endian: bool,
}

impl<R: Read> Elements<R> {
    fn word(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    /// The next eight bytes; `None` at the end.
    fn eight(&mut self) -> Result<Option<[u8; 8]>, String> {
        let mut bytes = Vec::new();
        let read = self.source.by_ref().take(8).read_to_end(&mut bytes);
        read.map_err(|error| format!("is damaged: {error}"))?;
        match <[u8; 8]>::try_from(bytes) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(bytes) if bytes.is_empty() => Ok(None),
            Err(_) => Err("is cut short: within the type and size of an element".to_owned()),
        }
    }

    /// Type and size of the next element of the file; `None` at the end.
    fn next(&mut self) -> Result<Option<(u32, u32)>, String> {
        let Some([a, b, c, d, e, f, g, h]) = self.eight()? else { return Ok(None) };
        Ok(Some((self.word([a, b, c, d]), self.word([e, f, g, h]))))
    }

    /// Type and size of the next element within an array, and its bytes if they are so few that
    /// they stand in the tag.
    #[expect(clippy::type_complexity, reason = "read at the two places where it is called")]
    fn tag(&mut self) -> Result<Option<(u32, u32, Option<[u8; 4]>)>, String> {
        let Some([a, b, c, d, e, f, g, h]) = self.eight()? else { return Ok(None) };
        let first = self.word([a, b, c, d]);
        match first >> 16 {
            0 => Ok(Some((first, self.word([e, f, g, h]), None))),
            size @ 1..=4 => Ok(Some((first & 0xffff, size, Some([e, f, g, h])))),
            size => Err(format!("is damaged: an element of {size} bytes within its tag")),
        }
    }

    /// The bytes of an element, and what fills up to a multiple of eight.
    fn body(&mut self, size: u32) -> Result<Vec<u8>, String> {
        let read = drs_memory::read_up_to(self.source.by_ref(), u64::from(size));
        let (bytes, _claim) = read.map_err(|error| format!("cannot be read: {error}"))?;
        if bytes.len() != size as usize {
            return Err(format!("is cut short: {} of {size} bytes of an element", bytes.len()));
        }
        let padding = u64::from(size.next_multiple_of(8) - size);
        io::copy(&mut self.source.by_ref().take(padding), &mut io::sink())
            .map_err(|error| format!("is damaged: {error}"))?;
        Ok(bytes)
    }

    /// A short element of this type, as numbers.
    fn small(&mut self, expected: u32, what: &str) -> Result<Vec<u32>, String> {
        let wrong = |found: String| format!("is damaged: {what}: {found}");
        let Some((kind, size, inline)) = self.tag()? else {
            return Err(wrong("nothing found".to_owned()));
        };
        if kind != expected || size > MOST {
            return Err(wrong(format!("type {kind} of {size} bytes, expected type {expected}")));
        }
        let bytes = match inline {
            Some(bytes) => bytes[..(size as usize).min(bytes.len())].to_vec(),
            None => self.body(size)?,
        };
        if kind == INT8 {
            return Ok(bytes.into_iter().map(u32::from).collect());
        }
        Ok(bytes.as_chunks().0.iter().map(|word| self.word(*word)).collect())
    }
}
