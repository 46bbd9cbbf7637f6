//! Messages of gRPC, looked at before they are read: an entry of two bytes becomes hundreds in memory.

use std::marker::PhantomData;

use bytes::{Buf, Bytes};
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstEncoder};

/// Entries of a message, at the most: its names, one input, its outputs and parameters. Of an input
/// as many.
const MOST_ENTRIES: usize = 64;

/// Entries of a tensor's contents, at the most: files, or numbers that are not packed.
const MOST_CONTENTS: usize = 1 << 16;

/// Where a message holds inputs, and an input its contents.
const NESTED: u32 = 5;

/// As [`ProstCodec`], for messages of a bounded number of entries.
pub(crate) struct Careful<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Careful<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for Careful<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = Reader<U>;

    fn encoder(&mut self) -> ProstEncoder<T> {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Reader<U> {
        Reader(PhantomData)
    }
}

/// Reads messages.
pub(crate) struct Reader<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for Reader<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let message = buffer.copy_to_bytes(buffer.remaining());
        decode(message).map(Some).map_err(Status::invalid_argument)
    }
}

/// The message in these bytes.
pub(crate) fn decode<U: Message + Default>(message: Bytes) -> Result<U, String> {
    look(&message, &[MOST_ENTRIES, MOST_ENTRIES, MOST_CONTENTS])?;
    U::decode(message).map_err(|error| error.to_string())
}

/// Whether there are no more entries than may be, at each level.
fn look(mut rest: &[u8], most: &[usize]) -> Result<(), String> {
    let Some((most, deeper)) = most.split_first() else { return Ok(()) };
    let broken = || "the message ends within an entry".to_owned();
    for _ in 0..*most {
        if !rest.has_remaining() {
            return Ok(());
        }
        let (field, kind, entry) = entry(&mut rest).ok_or_else(broken)?;
        if field == NESTED && kind == WireType::LengthDelimited {
            look(entry, deeper)?;
        }
    }
    if !rest.has_remaining() {
        return Ok(());
    }
    Err(format!(
        "more than {most} entries, expected one input with its files, and outputs and parameters once each"
    ))
}

/// The next entry; `None` if it is broken.
fn entry<'a>(rest: &mut &'a [u8]) -> Option<(u32, WireType, &'a [u8])> {
    let (field, kind) = decode_key(rest).ok()?;
    let length = match kind {
        WireType::Varint => decode_varint(rest).map(|_| 0).ok()?,
        WireType::SixtyFourBit => 8,
        WireType::ThirtyTwoBit => 4,
        WireType::LengthDelimited => usize::try_from(decode_varint(rest).ok()?).ok()?,
        WireType::StartGroup | WireType::EndGroup => return None,
    };
    let (entry, others) = rest.split_at_checked(length)?;
    *rest = others;
    Some((field, kind, entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_counted_at_each_level() {
        let looked = |message: &[u8]| look(message, &[2, 1]);
        assert_eq!((looked(b""), looked(b"\x0a\x03drs\x2a\x00")), (Ok(()), Ok(())));
        assert!(looked(&b"\x0a\x00".repeat(1_000_000)).unwrap_err().contains("more than 2"));
        assert_eq!(looked(b"\x2a\x02\x0a\x00"), Ok(()));
        assert!(looked(b"\x2a\x04\x0a\x00\x0a\x00").unwrap_err().contains("more than 1"));
        // What is deeper is not looked at.
        assert_eq!(looked(b"\x2a\x06\x2a\x04\x0a\x00\x0a\x00"), Ok(()));
        for broken in [&b"\x0a\x04drs"[..], b"\x0b", b"\xff", b"\x2a\x02\x0a\x01"] {
            assert!(looked(broken).unwrap_err().contains("ends within"), "{broken:?}");
        }
        assert!(
            decode::<String>(b"\x2a\x00".repeat(65).into()).unwrap_err().contains("64 entries")
        );
    }
}
