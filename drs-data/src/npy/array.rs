//! The array format: a header, then the values.

use std::io::Read;
use std::ops::Range;

use drs_memory::{Claim, read_up_to};
use ndarray::{ArrayD, IxDyn, ShapeBuilder as _};
use ndarray_npy::npy::header::{Header, Layout};

/// Magic and version.
const MAGIC: usize = 8;
/// NumPy writes 128 bytes for any plain array.
const MAX_HEADER: usize = 4096;
/// A plain array has two; the parser tries all that each might be, and all within it.
const MAX_BRACKETS: usize = 6;

/// An array of any shape.
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    /// In C order.
    pub(crate) values: Values,
    /// What they hold of the budget of memory.
    pub(crate) memory: Claim,
}

pub(crate) enum Values {
    Bytes(Vec<u8>),
    Integers(Vec<i64>),
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
}

/// An npy file, or an entry of an npz, of which only the header is read so far.
pub(crate) struct Npy<R> {
    shape: Vec<usize>,
    dtype: String,
    element: Element,
    fortran_order: bool,
    source: R,
}

/// How a value is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Element {
    kind: Kind,
    size: usize,
    big_endian: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unsigned,
    Signed,
    Float,
}

impl<R: Read> Npy<R> {
    /// Reads the header.
    pub(crate) fn new(mut source: R) -> Result<Self, String> {
        let header = header(&mut source)?;
        let dtype = header.type_descriptor.to_string().trim_matches('\'').to_owned();
        let element = Element::of(&dtype).ok_or_else(|| {
            format!(
                "dtype {dtype} is none of uint8, int8 to int64, float32 and float64: convert it (`a.astype(\"int64\")` for labels, `a.astype(\"float32\")` for images)"
            )
        })?;
        let Header { shape, layout, .. } = header;
        let size = |shape: &[usize]| {
            shape.iter().try_fold(element.size, |product, &dim| product.checked_mul(dim))
        };
        if size(&shape).is_none() {
            return Err(format!("its header promises {shape:?} values, which is too many"));
        }
        let fortran_order = matches!(layout, Layout::Fortran);
        Ok(Self { shape, dtype, element, fortran_order, source })
    }

    /// The dimensions that the header promises.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The type of its values, as NumPy names it.
    pub(crate) fn dtype(&self) -> &str {
        &self.dtype
    }

    /// The whole array. More bytes than promised are an error, and so are fewer.
    pub(crate) fn all(self) -> Result<Array, String> {
        let rows = 0..self.shape.first().copied().unwrap_or(1);
        self.rows(rows)
    }

    /// These rows of the first axis. Those behind them are not looked at.
    pub(crate) fn rows(mut self, rows: Range<usize>) -> Result<Array, String> {
        let all = self.shape.first().copied().unwrap_or(1);
        let row: usize = self.shape.iter().skip(1).product();
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = rows.len();
        }
        if rows.is_empty() || row == 0 {
            let values = self.element.values(Vec::new());
            return Ok(Array { shape, values, memory: Claim::default() });
        }
        // In Fortran order the rows lie scattered over the file.
        let read = if self.fortran_order { 0..all } else { rows.clone() };
        let (bytes, mut memory) = self.bytes(read.start * row, read.len() * row)?;
        // What they become, and its order: eight bytes at the most for each value, twice.
        let values = (bytes.len() / self.element.size) as u64;
        let more = if self.element.size == 1 && !self.fortran_order { 0 } else { 16 };
        memory.grow(values.saturating_mul(more)).map_err(|error| error.to_string())?;
        if read.end == all && self.source.read(&mut [0]).map_err(|error| error.to_string())? > 0 {
            return Err(format!(
                "not a readable .npy: more bytes than its header promises ({:?} values of {})",
                self.shape, self.dtype
            ));
        }
        let values = self.element.values(bytes);
        if !self.fortran_order {
            return Ok(Array { shape, values, memory });
        }
        let places = rows.start * row..rows.end * row;
        let values = match values {
            Values::Bytes(values) => Values::Bytes(c_order(values, &self.shape, places)?),
            Values::Integers(values) => Values::Integers(c_order(values, &self.shape, places)?),
            Values::Floats(values) => Values::Floats(c_order(values, &self.shape, places)?),
            Values::Doubles(values) => Values::Doubles(c_order(values, &self.shape, places)?),
        };
        Ok(Array { shape, values, memory })
    }

    /// The bytes of `count` values after the first `skipped`.
    fn bytes(&mut self, skipped: usize, count: usize) -> Result<(Vec<u8>, Claim), String> {
        let (skipped, count) = (skipped * self.element.size, count * self.element.size);
        let mut before = self.source.by_ref().take(skipped as u64);
        let error = |error: std::io::Error| error.to_string();
        let passed = std::io::copy(&mut before, &mut std::io::sink()).map_err(error)?;
        let (bytes, memory) = read_up_to(self.source.by_ref(), count as u64).map_err(error)?;
        if bytes.len() == count {
            return Ok((bytes, memory));
        }
        Err(format!(
            "not a readable .npy: it is cut short, its header promises {:?} values of {}, {} bytes follow",
            self.shape,
            self.dtype,
            passed + bytes.len() as u64
        ))
    }
}

impl Element {
    /// As NumPy describes it: byte order, kind, bytes.
    fn of(dtype: &str) -> Option<Self> {
        let (big_endian, rest) = match dtype.split_at_checked(1)? {
            (">", rest) => (true, rest),
            ("<" | "|", rest) => (false, rest),
            _ if dtype == "B" => (false, "u1"),
            _ => (false, dtype),
        };
        let (kind, size) = match rest {
            "u1" => (Kind::Unsigned, 1),
            "u2" => (Kind::Unsigned, 2),
            "u4" => (Kind::Unsigned, 4),
            "i1" => (Kind::Signed, 1),
            "i2" => (Kind::Signed, 2),
            "i4" => (Kind::Signed, 4),
            "i8" => (Kind::Signed, 8),
            "f4" => (Kind::Float, 4),
            "f8" => (Kind::Float, 8),
            _ => return None,
        };
        Some(Self { kind, size, big_endian })
    }

    fn values(self, bytes: Vec<u8>) -> Values {
        let integers = |values: Vec<i64>| Values::Integers(values);
        match (self.kind, self.size) {
            (Kind::Unsigned, 1) => Values::Bytes(bytes),
            (Kind::Unsigned, 2) => integers(self.each(&bytes, |b| u16::from_le_bytes(b).into())),
            (Kind::Unsigned, _) => integers(self.each(&bytes, |b| u32::from_le_bytes(b).into())),
            (Kind::Signed, 1) => integers(self.each(&bytes, |b| i8::from_le_bytes(b).into())),
            (Kind::Signed, 2) => integers(self.each(&bytes, |b| i16::from_le_bytes(b).into())),
            (Kind::Signed, 4) => integers(self.each(&bytes, |b| i32::from_le_bytes(b).into())),
            (Kind::Signed, _) => integers(self.each(&bytes, i64::from_le_bytes)),
            (Kind::Float, 4) => Values::Floats(self.each(&bytes, f32::from_le_bytes)),
            (Kind::Float, _) => Values::Doubles(self.each(&bytes, f64::from_le_bytes)),
        }
    }

    /// Every value of `N` bytes, least first.
    fn each<const N: usize, T>(self, bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Vec<T> {
        let in_order = |bytes: &[u8; N]| {
            let mut bytes = *bytes;
            if self.big_endian {
                bytes.reverse();
            }
            value(bytes)
        };
        bytes.as_chunks().0.iter().map(in_order).collect()
    }
}

/// Those of the values of an array in Fortran order that have these places in C order.
fn c_order<T: Clone>(
    values: Vec<T>,
    shape: &[usize],
    places: Range<usize>,
) -> Result<Vec<T>, String> {
    let array = ArrayD::from_shape_vec(IxDyn(shape).f(), values);
    let array = array.map_err(|error| format!("not a readable .npy: {error}"))?;
    // Iteration is in logical order, whatever the order in memory.
    Ok(array.iter().skip(places.start).take(places.len()).cloned().collect())
}

/// The header, whose own length is checked first: the parser trusts it.
fn header(source: &mut impl Read) -> Result<Header, String> {
    let unreadable = |error: std::io::Error| format!("not a readable .npy: {error}");
    let mut bytes = Vec::new();
    let mut more = |bytes: &mut Vec<u8>, count: usize| {
        source.take(count as u64).read_to_end(bytes).map_err(unreadable)
    };
    more(&mut bytes, MAGIC + 2)?;
    if bytes.get(6).is_some_and(|version| *version > 1) {
        more(&mut bytes, 2)?;
    }
    let length = match bytes[..] {
        [_, _, _, _, _, _, 1, _, low, high] => usize::from(u16::from_le_bytes([low, high])),
        [_, _, _, _, _, _, _, _, a, b, c, d] => u32::from_le_bytes([a, b, c, d]) as usize,
        _ => return Err(format!("not a readable .npy: it begins with {} bytes", bytes.len())),
    };
    // The magic is for the parser to miss in a file of another kind.
    if bytes.starts_with(b"\x93NUMPY") && length > MAX_HEADER {
        return Err(format!("a .npy header of {length} bytes, expected at most {MAX_HEADER}"));
    }
    more(&mut bytes, length.min(MAX_HEADER))?;
    let brackets = bytes.iter().skip(MAGIC + 2).filter(|byte| b"{[(".contains(byte)).count();
    if brackets > MAX_BRACKETS {
        return Err(format!(
            "not a readable .npy: {brackets} brackets in its header, expected that of an array of plain numbers"
        ));
    }
    Header::from_reader(&mut &bytes[..]).map_err(|error| format!("not a readable .npy: {error}"))
}
