//! What Parquet's descriptions hold, by the numbers of its schema (parquet.thrift).
//!
//! The parquet crate takes a field for what it should be, whatever the file says that it is: a file
//! that tells another kind would be another file to it than to us.

/// A struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Element,
    Logical,
    Decimal,
    Time,
    Integer,
    Group,
    Sorting,
    Chunk,
    Column,
    Encoding,
    Sizes,
    Note,
    Statistics,
    Page,
    Data,
    Dictionary,
    Second,
    /// Nothing is read of it.
    Other,
}

/// What a field must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Of this code of Thrift's.
    One(u8),
    Struct(Kind),
    Structs(Kind),
    /// A list of values of this code.
    List(u8),
    /// It is passed over.
    Any,
}

pub(super) const BOOL: u8 = 1;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const BYTES: u8 = 8;

impl Kind {
    pub(super) fn field(self, number: i16) -> Holds {
        match (self, number) {
            (Self::File, 2) => Holds::Structs(Self::Element),
            (Self::File, 4) => Holds::Structs(Self::Group),
            (Self::File, 5) | (Self::Column, 8) => Holds::Structs(Self::Note),
            (Self::Element, 10) => Holds::Struct(Self::Logical),
            (Self::Logical, 5) => Holds::Struct(Self::Decimal),
            (Self::Logical, 7 | 8) => Holds::Struct(Self::Time),
            (Self::Logical, 10) => Holds::Struct(Self::Integer),
            (Self::Logical, _) | (Self::Time, 2) => Holds::Struct(Self::Other),
            (Self::Group, 1) => Holds::Structs(Self::Chunk),
            (Self::Group, 4) => Holds::Structs(Self::Sorting),
            (Self::Chunk, 3) => Holds::Struct(Self::Column),
            (Self::Column, 2) => Holds::List(I32),
            (Self::Column, 3) => Holds::List(BYTES),
            (Self::Column, 12) | (Self::Data, 5) | (Self::Second, 8) => {
                Holds::Struct(Self::Statistics)
            }
            (Self::Column, 13) => Holds::Structs(Self::Encoding),
            (Self::Column, 16) => Holds::Struct(Self::Sizes),
            (Self::Sizes, 2 | 3) => Holds::List(I64),
            (Self::Page, 5) => Holds::Struct(Self::Data),
            (Self::Page, 7) => Holds::Struct(Self::Dictionary),
            (Self::Page, 8) => Holds::Struct(Self::Second),
            _ => self.plain(number).map_or(Holds::Any, Holds::One),
        }
    }

    fn plain(self, number: i16) -> Option<u8> {
        Some(match (self, number) {
            (Self::File, 1)
            | (Self::Element, 1..=3 | 5..=9)
            | (Self::Decimal, 1 | 2)
            | (Self::Sorting, 1)
            | (Self::Chunk, 5 | 7)
            | (Self::Column, 1 | 4 | 15)
            | (Self::Encoding, 1..=3)
            | (Self::Page | Self::Data, 1..=4)
            | (Self::Dictionary, 1 | 2)
            | (Self::Second, 1..=6) => I32,
            (Self::File, 3)
            | (Self::Group, 2 | 3 | 5 | 6)
            | (Self::Chunk, 2 | 4 | 6)
            | (Self::Column, 5..=7 | 9..=11 | 14)
            | (Self::Sizes, 1)
            | (Self::Statistics, 3 | 4) => I64,
            (Self::File, 6 | 9)
            | (Self::Element, 4)
            | (Self::Chunk, 1 | 9)
            | (Self::Note, 1 | 2)
            | (Self::Statistics, 1 | 2 | 5 | 6) => BYTES,
            (Self::Time, 1)
            | (Self::Integer, 2)
            | (Self::Sorting, 2 | 3)
            | (Self::Statistics, 7 | 8)
            | (Self::Dictionary, 3)
            | (Self::Second, 7) => BOOL,
            (Self::Integer, 1) => BYTE,
            (Self::Group, 7) => I16,
            _ => return None,
        })
    }
}
