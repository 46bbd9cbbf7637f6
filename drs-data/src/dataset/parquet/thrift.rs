//! Thrift's compact protocol, in which Parquet describes itself: read as it is, before the parquet
//! crate reserves what it says.

/// Structs in structs and lists in lists: Parquet's own descriptions have ten.
const DEPTH: usize = 32;

/// A value; numbers of floating point, maps and identifiers are passed over.
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

/// The struct at the start of some bytes, and its length.
pub(super) fn read(bytes: &[u8]) -> Result<(Value<'_>, usize), Stop> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.structure(0)?;
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

    fn structure(&mut self, depth: usize) -> Result<Value<'a>, Stop> {
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
            let value = match head & 0xf {
                // Booleans are their own kind.
                kind @ (1 | 2) => Value::Int(i64::from(kind == 1)),
                kind => self.value(kind, depth)?,
            };
            fields.push((number, value));
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<Value<'a>, Stop> {
        if depth >= DEPTH {
            return Err(Stop::Broken);
        }
        Ok(match kind {
            1 | 2 => Value::Int(i64::from(self.byte()? == 1)),
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
                let items = (0..self.count(count)?).map(|_| self.value(head & 0xf, depth + 1));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            11 => {
                let count = self.number()?;
                let count = self.count(count)?;
                if count > 0 {
                    let kinds = self.byte()?;
                    for _ in 0..count {
                        self.value(kinds >> 4, depth + 1)?;
                        self.value(kinds & 0xf, depth + 1)?;
                    }
                }
                Value::Other
            }
            12 => self.structure(depth + 1)?,
            13 => {
                self.take(16)?;
                Value::Other
            }
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
        let (value, length) = read(&bytes).unwrap();
        assert_eq!(length, bytes.len() - 1);
        assert_eq!((value.int(1), value.int(21), value.int(2)), (Some(5), Some(1), None));
        assert_eq!(value.list(3), [Value::Int(-1), Value::Int(2)]);
        assert_eq!(value.bytes(20), Some(&b"ab"[..]));
        for length in 0..bytes.len() - 1 {
            assert_eq!(read(&bytes[..length]), Err(Stop::Short), "{length}");
        }
    }

    #[test]
    fn what_is_announced_must_be_there() {
        let endless = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f];
        for start in [&[0x18][..], &[0x19, 0xf5], &[0x1b]] {
            assert_eq!(read(&[start, &endless].concat()), Err(Stop::Short));
        }
        assert_eq!(read(&[0x1c; 100_000]), Err(Stop::Broken));
        assert_eq!(read(&[0x19, 0x19, 0x19].repeat(50_000)), Err(Stop::Broken));
        assert_eq!(read(&[0x1e, 0]), Err(Stop::Broken));
        assert_eq!(
            read(&[0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            Err(Stop::Broken)
        );
    }
}
