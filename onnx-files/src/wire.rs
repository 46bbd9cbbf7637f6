//! The bytes of a file, before any of it is built.
//!
//! A decoder that believes the lengths in a file reserves what they say, and one that calls
//! itself for messages inside messages runs out of stack. So all lengths are compared with what
//! is there first, and messages may lie in one another only so deep.

use std::io::{self, BufRead, Read as _, Seek, SeekFrom};

/// Graphs inside graphs: each is three messages deeper than the one around it. Exported
/// programs have a few.
const GRAPHS: usize = 32;

/// No message lies deeper below a graph.
const BELOW: usize = 8;

/// What a message takes in memory besides what it holds, at most.
const MESSAGE: u64 = 512;

/// The field of a model that holds functions (onnx.proto).
const FUNCTIONS: u64 = 25;

/// A kind of message, as far as messages may be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Value,
    Type,
    TensorType,
    Sequence,
    Shape,
    /// It holds texts and numbers only.
    Plain,
}

/// What a field of bytes holds.
enum Holds {
    Message(Kind),
    /// Integers, of a byte each at least and of eight in memory, one behind the other.
    Integers,
    /// Floating-point numbers of so many bytes, one behind the other.
    Floats(u64),
    Bytes,
}

impl Kind {
    /// By the numbers of ONNX's schema (onnx.proto).
    fn field(self, number: u64) -> Holds {
        match (self, number) {
            (Self::Model, 7) | (Self::Attribute, 6) => Holds::Message(Self::Graph),
            (Self::Graph, 1) => Holds::Message(Self::Node),
            (Self::Graph, 5) | (Self::Attribute, 5) => Holds::Message(Self::Tensor),
            (Self::Graph, 11..=13) => Holds::Message(Self::Value),
            (Self::Node, 5) => Holds::Message(Self::Attribute),
            (Self::Value, 2) | (Self::Sequence, 1) => Holds::Message(Self::Type),
            (Self::Type, 1) => Holds::Message(Self::TensorType),
            (Self::Type, 4) => Holds::Message(Self::Sequence),
            (Self::TensorType, 2) => Holds::Message(Self::Shape),
            (Self::Model, 8 | 14) | (Self::Tensor, 13) | (Self::Shape, 1) => {
                Holds::Message(Self::Plain)
            }
            (Self::Tensor, 1 | 5 | 7) | (Self::Attribute, 8) => Holds::Integers,
            (Self::Tensor, 4) | (Self::Attribute, 7) => Holds::Floats(4),
            (Self::Tensor, 10) => Holds::Floats(8),
            _ => Holds::Bytes,
        }
    }
}

/// Goes through a file of so many bytes. Gives the bytes of memory that its contents take, at
/// most.
///
/// # Errors
/// In words, if it is damaged or too deep, or cannot be read.
pub(super) fn cost(file: impl io::Read + Seek, size: u64) -> Result<u64, String> {
    let mut bytes = Bytes { inner: io::BufReader::new(file), at: 0 };
    let mut open = vec![(Kind::Model, size)];
    let mut graphs = 0;
    let mut cost = MESSAGE;
    while let Some(&(kind, end)) = open.last() {
        if bytes.at >= end {
            graphs -= usize::from(kind == Kind::Graph);
            open.pop();
            continue;
        }
        let start = bytes.at;
        let tag = bytes.number(end)?;
        // A repeated number of eight bytes, at most.
        cost = cost.saturating_add(8);
        // Another runtime than rten runs them, and what is in them is not looked at here.
        if kind == Kind::Model && tag >> 3 == FUNCTIONS {
            return Err("it has functions of its own, which are not looked into: write them out with onnx.inliner.inline_local_functions".to_owned());
        }
        // rten does not ask which it is, and would read what follows as the message.
        if tag & 7 != 2 && matches!(kind.field(tag >> 3), Holds::Message(_)) {
            return Err(format!(
                "it is no ONNX file, or a damaged one: a number at byte {start}, expected a message"
            ));
        }
        match tag & 7 {
            0 => drop(bytes.number(end)?),
            1 => bytes.skip(8, end)?,
            5 => bytes.skip(4, end)?,
            2 => {
                let length = bytes.number(end)?;
                match kind.field(tag >> 3) {
                    Holds::Message(kind) => {
                        graphs += usize::from(kind == Kind::Graph);
                        if graphs > GRAPHS || open.len() > 3 * GRAPHS + BELOW {
                            return Err(format!(
                                "its graphs lie in one another more than {GRAPHS} deep (byte {start}), which no exported model needs"
                            ));
                        }
                        open.push((kind, bytes.end(length, end)?));
                        cost = cost.saturating_add(MESSAGE);
                    }
                    Holds::Integers => {
                        // rten goes on for ever where one of them has no end.
                        let to = bytes.end(length, end)?;
                        while bytes.at < to {
                            bytes.number(to)?;
                            cost = cost.saturating_add(8);
                        }
                    }
                    // rten would read what is left over as the next field.
                    Holds::Floats(each) if !length.is_multiple_of(each) => {
                        return Err(format!(
                            "it is no ONNX file, or a damaged one: {length} bytes of numbers at byte {start}, expected a multiple of {each}"
                        ));
                    }
                    Holds::Floats(_) | Holds::Bytes => {
                        bytes.skip(length, end)?;
                        cost = cost.saturating_add(length);
                    }
                }
            }
            other => {
                return Err(format!(
                    "it is no ONNX file, or a damaged one: a field of kind {other} at byte {start}"
                ));
            }
        }
    }
    Ok(cost)
}

struct Bytes<R> {
    inner: io::BufReader<R>,
    at: u64,
}

impl<R: io::Read + Seek> Bytes<R> {
    /// A number of up to ten bytes, seven bits in each.
    fn number(&mut self, end: u64) -> Result<u64, String> {
        let start = self.at;
        let mut number = 0u64;
        for shift in (0..70).step_by(7) {
            if self.at >= end {
                break;
            }
            let mut byte = [0];
            self.inner.read_exact(&mut byte).map_err(|error| error.to_string())?;
            self.at += 1;
            number |= u64::from(byte[0] & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte[0] < 0x80 {
                return Ok(number);
            }
        }
        Err(format!("it is no ONNX file, or a damaged one: a number at byte {start} has no end"))
    }

    /// Where a part of this length ends, within what ends at `end`.
    fn end(&self, length: u64, end: u64) -> Result<u64, String> {
        let own = self.at.checked_add(length).filter(|own| *own <= end);
        own.ok_or_else(|| {
            format!(
                "it is no ONNX file, or a damaged one: {length} bytes are announced at byte {}, expected at most {}; download or copy the file again",
                self.at,
                end.saturating_sub(self.at)
            )
        })
    }

    fn skip(&mut self, length: u64, end: u64) -> Result<(), String> {
        let to = self.end(length, end)?;
        let buffered = self.inner.buffer().len() as u64;
        match usize::try_from(length) {
            Ok(length) if length as u64 <= buffered => self.inner.consume(length),
            _ => drop(self.inner.seek(SeekFrom::Start(to)).map_err(|error| error.to_string())?),
        }
        self.at = to;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut all = vec![number << 3 | 2];
        let mut length = bytes.len();
        while length >= 0x80 {
            all.push(length as u8 | 0x80);
            length >>= 7;
        }
        all.push(length as u8);
        all.extend(bytes);
        all
    }

    fn cost_of(bytes: &[u8]) -> Result<u64, String> {
        cost(io::Cursor::new(bytes), bytes.len() as u64)
    }

    /// So many graphs inside one.
    fn nested(depth: usize) -> Vec<u8> {
        let inner = (0..depth).fold(Vec::new(), |graph, _| field(1, &field(5, &field(6, &graph))));
        field(7, &inner)
    }

    #[test]
    fn graphs_may_lie_in_one_another_only_so_deep() {
        assert!(cost_of(&nested(GRAPHS - 1)).is_ok());
        for depth in [GRAPHS, 3000, 20_000] {
            let error = cost_of(&nested(depth)).unwrap_err();
            assert!(error.contains("more than 32 deep"), "{error}");
        }
        let types = (0..1000).fold(Vec::new(), |kind, _| field(4, &field(1, &kind)));
        assert!(cost_of(&field(7, &field(11, &field(2, &types)))).is_err());
    }

    #[test]
    fn lengths_beyond_what_is_there_are_told() {
        // The length of a name, of a tensor, of the key of a metadata entry.
        let long = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f];
        let lying = |number: u8| [&[number << 3 | 2][..], &long].concat();
        for bytes in [
            lying(2),
            field(7, &lying(5)),
            field(7, &field(5, &lying(9))),
            field(14, &lying(1)),
            field(7, &field(1, &field(5, &lying(8)))),
            // Longer than the message that it is in, but not than the file.
            [field(14, &[1 << 3 | 2, 9, b'a']), field(2, b"0123456789")].concat(),
        ] {
            let error = cost_of(&bytes).unwrap_err();
            assert!(error.contains("announced at byte"), "{error}");
        }
        let packed = |numbers: &[u8]| field(7, &field(5, &field(7, numbers)));
        for bytes in [
            &[0x80][..],
            &[0x08, 0xff],
            &[0xff; 11],
            &packed(&[0xff; 11]),
            &packed(&[1, 0x80]),
            &field(7, &field(1, &field(5, &field(8, &[0xff; 11])))),
        ] {
            assert!(cost_of(bytes).unwrap_err().contains("has no end"));
        }
        // The tag of a function takes two bytes.
        assert!(cost_of(&[0xca, 0x01, 0]).unwrap_err().contains("inline_local_functions"));
        assert!(cost_of(&[0x0b]).unwrap_err().contains("kind 3 at byte 0"));
        let rest = [0; 23];
        for (each, in_attribute, number) in [(4, false, 4), (4, true, 7), (8, false, 10)] {
            let floats = |length: usize| {
                let inner = field(number, &rest[..length]);
                let inner = field(5, &inner);
                cost_of(&field(7, &if in_attribute { field(1, &inner) } else { inner }))
            };
            assert!(floats(2 * each).is_ok());
            let error = floats(3 * each - 1).unwrap_err();
            assert!(error.contains(&format!("expected a multiple of {each}")), "{error}");
        }
        for number in [&[0x08, 1][..], &[0x0d, 0, 0, 0, 0], &[0x09, 0, 0, 0, 0, 0, 0, 0, 0]] {
            let error = cost_of(&field(7, number)).unwrap_err();
            assert!(error.contains("a number at byte 2, expected a message"), "{error}");
        }
    }

    #[test]
    fn what_takes_more_memory_than_bytes_is_counted() {
        let nodes = field(7, &field(1, &[]).repeat(1000));
        assert!(cost_of(&nodes).unwrap() >= 1000 * MESSAGE);
        let packed = field(7, &field(5, &field(7, &[0; 1000])));
        assert!((8000..12_000).contains(&cost_of(&packed).unwrap()));
        // Weights are what they are.
        let weights = field(7, &field(5, &field(9, &[0; 100_000])));
        assert!((100_000..103_000).contains(&cost_of(&weights).unwrap()));
    }
}
