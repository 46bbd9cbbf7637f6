//! Messages of gRPC, looked at before they are read: an entry of two bytes becomes hundreds in memory.

use std::marker::PhantomData;

use bytes::{Buf, Bytes};
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstEncoder};

/// Entries of a message, at the most: its names, one input, its outputs and parameters.
const MOST_ENTRIES: usize = 64;

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
    match entries(&message) {
        Some(found) if found > MOST_ENTRIES => {
            return Err(format!(
                "a message of more than {MOST_ENTRIES} entries, expected one input, and outputs and parameters once each"
            ));
        }
        Some(_) => {}
        None => return Err("the message ends within an entry".to_owned()),
    }
    U::decode(message).map_err(|error| error.to_string())
}

/// How many entries there are, counted up to one more than there may be; `None` if one is broken.
fn entries(mut rest: &[u8]) -> Option<usize> {
    let mut found = 0;
    while rest.has_remaining() && found <= MOST_ENTRIES {
        let (_, kind) = decode_key(&mut rest).ok()?;
        let length = match kind {
            WireType::Varint => decode_varint(&mut rest).map(|_| 0).ok()?,
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => usize::try_from(decode_varint(&mut rest).ok()?).ok()?,
            WireType::StartGroup | WireType::EndGroup => return None,
        };
        rest = rest.get(length..)?;
        found += 1;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_counted_and_no_more_than_may_be() {
        assert_eq!(entries(b""), Some(0));
        assert_eq!(entries(b"\x0a\x03drs\x2a\x00"), Some(2));
        assert_eq!(entries(&b"\x2a\x00".repeat(1_000_000)), Some(MOST_ENTRIES + 1));
        assert_eq!(
            (entries(b"\x0a\x04drs"), entries(b"\x0b"), entries(b"\xff")),
            (None, None, None)
        );
        assert!(
            decode::<String>(b"\x2a\x00".repeat(65).into()).unwrap_err().contains("64 entries")
        );
    }
}
