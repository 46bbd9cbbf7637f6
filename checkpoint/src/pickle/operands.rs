//! Operands of opcodes, out of bytes or of the stack.

use crate::error::shown;

use super::bytes::Bytes;
use super::value::{Id, Value};

pub(super) fn take4<'a>(bytes: &mut Bytes<'a>) -> Result<&'a [u8], String> {
    let count = u32::from_le_bytes(bytes.array()?);
    bytes.take_u64(u64::from(count))
}

pub(super) fn take8<'a>(bytes: &mut Bytes<'a>) -> Result<&'a [u8], String> {
    let count = u64::from_le_bytes(bytes.array()?);
    bytes.take_u64(count)
}

/// A little-endian integer in two's complement.
pub(super) fn long<'a>(digits: &[u8]) -> Value<'a> {
    let mut wide = [if digits.last().is_some_and(|top| *top >= 0x80) { 0xff } else { 0 }; 16];
    match wide.get_mut(..digits.len()) {
        Some(low) => low.copy_from_slice(digits),
        None => return Value::Opaque("int of many digits"),
    }
    Value::Int(i128::from_le_bytes(wide))
}

/// An integer or bool of the protocols 0 and 1.
pub(super) fn decimal<'a>(line: &str) -> Result<Value<'a>, String> {
    if matches!(line, "00" | "01") {
        return Ok(Value::Bool(line == "01"));
    }
    let digits = line.strip_suffix('L').unwrap_or(line);
    let number = digits.parse().map_err(|_| format!("'{}' is no integer", shown(line)))?;
    Ok(Value::Int(number))
}

pub(super) fn place(line: &str) -> Result<u32, String> {
    line.parse().map_err(|_| format!("'{}' is no place of the memo", shown(line)))
}

pub(super) fn text_or_bytes(text: &[u8]) -> Value<'_> {
    str::from_utf8(text).map_or(Value::Bytes(text), Value::Str)
}

pub(super) fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>, String> {
    match items.as_chunks() {
        (pairs, []) => Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect()),
        _ => Err("a dict with a key that has no value".to_owned()),
    }
}
