//! Thrift's compact protocol, in which Parquet describes itself: read as it is, before the parquet
//! crate reserves what it says.

use super::kind::{BOOL, Holds, Kind};

/// Structs in structs and lists in lists: Parquet's own descriptions have ten.
const DEPTH: usize = 32;

/// A value; numbers of floating point are passed over.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    List(Vec<Self>),
    /// By the numbers of their fields.
    Struct(Vec<(i16, Self)>),
    Other,
}

/// Bytes of memory that a byte of a description takes as a [`Value`], at most.
pub(super) const COST: u64 = 64;

impl<'a> Value<'a> {
    /// The field of a struct; of several the last.
    pub(super) fn field(&self, number: i16) -> Option<&Self> {
        let Self::Struct(fields) = self else { return None };
        fields.iter().rev().find(|(found, _)| *found == number).map(|(_, value)| value)
    }

    pub(super) fn int(&self, number: i16) -> Option<i64> {
        match self.field(number) {
            Some(Self::Int(value)) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn bytes(&self, number: i16) -> Option<&'a [u8]> {
        match self.field(number) {
            Some(Self::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn list(&self, number: i16) -> &[Self] {
        match self.field(number) {
            Some(Self::List(items)) => items,
            _ => &[],
        }
    }
}

/// What stops the reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// More bytes might help.
    Short,
    Broken,
}

/// The struct of this kind at the start of some bytes, and its length.
pub(super) fn read(bytes: &[u8], kind: Kind) -> Result<(Value<'_>, usize), Stop> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.structure(kind, 0)?;
    Ok((value, reader.at))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Stop> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..count).ok_or(Stop::Short)?;
        self.at += count;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u64, Stop> {
        let mut number = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Stop::Broken)
    }

    /// A signed number: 0, -1, 1, -2 and so on.
    fn zigzag(&mut self) -> Result<i64, Stop> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// So many things, of a byte each at least.
    fn count(&mut self, count: u64) -> Result<usize, Stop> {
        let left = self.bytes.len() - self.at;
        usize::try_from(count).ok().filter(|count| *count <= left).ok_or(Stop::Short)
    }

    fn structure(&mut self, kind: Kind, depth: usize) -> Result<Value<'a>, Stop> {
        let mut fields = Vec::new();
        let mut number = 0i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(Value::Struct(fields));
            }
            number = match head >> 4 {
                0 => self.zigzag()? as i16,
                step => number.wrapping_add(i16::from(step)),
            };
            let holds = kind.field(number);
            let value = match (head & 0xf, holds) {
                // Booleans are their own code.
                (code @ (1 | 2), Holds::One(BOOL) | Holds::Any) => Value::Int(i64::from(code == 1)),
                (1 | 2, _) => return Err(Stop::Broken),
                (code, holds) => self.value(code, holds, depth)?,
            };
            fields.push((number, value));
        }
    }

    fn value(&mut self, code: u8, holds: Holds, depth: usize) -> Result<Value<'a>, Stop> {
        let fits = match holds {
            Holds::One(expected) => code == expected,
            Holds::Struct(_) => code == 12,
            Holds::Structs(_) | Holds::List(_) => code == 9,
            Holds::Any => true,
        };
        if !fits || depth >= DEPTH {
            return Err(Stop::Broken);
        }
        Ok(match code {
            3 => Value::Int(i64::from(self.byte()? as i8)),
            4..=6 => Value::Int(self.zigzag()?),
            7 => {
                self.take(8)?;
                Value::Other
            }
            8 => {
                let length = self.number()?;
                let length = self.count(length)?;
                Value::Bytes(self.take(length)?)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = match head >> 4 {
                    15 => self.number()?,
                    few => u64::from(few),
                };
                let each = match holds {
                    Holds::Structs(kind) => Holds::Struct(kind),
                    Holds::List(code) => Holds::One(code),
                    Holds::One(_) | Holds::Struct(_) | Holds::Any => Holds::Any,
                };
                let items =
                    (0..self.count(count)?).map(|_| self.value(head & 0xf, each, depth + 1));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            12 => {
                let kind = if let Holds::Struct(kind) = holds { kind } else { Kind::Other };
                self.structure(kind, depth + 1)?
            }
            // Parquet has no maps, and no lists of booleans where they are read.
            _ => return Err(Stop::Broken),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_numbers() {
        // 1: 5, 3: [-1, 2], 20: "ab", 21: true, and a byte that is none of it.
        let bytes = [0x15, 10, 0x29, 0x25, 1, 4, 0x08, 40, 2, b'a', b'b', 0x11, 0, 9];
        let (value, length) = read(&bytes, Kind::Other).unwrap();
        assert_eq!(length, bytes.len() - 1);
        assert_eq!((value.int(1), value.int(21), value.int(2)), (Some(5), Some(1), None));
        assert_eq!(value.list(3), [Value::Int(-1), Value::Int(2)]);
        assert_eq!(value.bytes(20), Some(&b"ab"[..]));
        for length in 0..bytes.len() - 1 {
            assert_eq!(read(&bytes[..length], Kind::Other), Err(Stop::Short), "{length}");
        }
    }

    #[test]
    fn what_is_announced_must_be_there() {
        let endless = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f];
        for start in [&[0x18][..], &[0x19, 0xf5]] {
            assert_eq!(read(&[start, &endless].concat(), Kind::Other), Err(Stop::Short));
        }
        assert_eq!(read(&[0x1c; 100_000], Kind::Other), Err(Stop::Broken));
        assert_eq!(read(&[0x19, 0x19, 0x19].repeat(50_000), Kind::Other), Err(Stop::Broken));
        assert_eq!(read(&[0x1e, 0], Kind::Other), Err(Stop::Broken));
        assert_eq!(
            read(&[0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Kind::Other),
            Err(Stop::Broken)
        );
    }

    #[test]
    fn fields_are_what_they_should_be() {
        // The number of children: an i32, a false, an i64.
        for (bytes, is_fine) in
            [(&[0x55, 4, 0][..], true), (&[0x52, 0], false), (&[0x56, 4, 0], false)]
        {
            assert_eq!(read(bytes, Kind::Element).is_ok(), is_fine);
        }
        // A list of nothing but falses, for the schema.
        assert_eq!(read(&[0x29, 0x12, 2, 0], Kind::File), Err(Stop::Broken));
        assert_eq!(read(&[0x29, 0x12, 2, 0], Kind::Other), Err(Stop::Broken));
    }
}
