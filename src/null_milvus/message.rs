//! A request's bytes as they came in, and cheap looks into them: single fields are read, all others skipped, nothing is copied.

use std::slice;

use bytes::{Buf, Bytes};
use prost::encoding::{WireType, decode_key, decode_varint};

/// gRPC's prefix of a message: a flag, and the length as four bytes.
pub(super) const PREFIX: usize = 5;

/// The DATA frames of one request.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// Most requests come in one frame, which then needs no list.
    first: Bytes,
    rest: Vec<Bytes>,
    length: usize,
}

impl Body {
    pub(super) fn push(&mut self, frame: Bytes) {
        self.length += frame.len();
        if self.first.is_empty() {
            self.first = frame;
        } else {
            self.rest.push(frame);
        }
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// The message behind gRPC's prefix; None if it is compressed or not whole.
    pub(super) fn message(&self) -> Option<Parts<'_>> {
        let mut parts = Parts { current: &self.first, rest: self.rest.iter(), left: self.length };
        if parts.left < PREFIX || parts.get_u8() != 0 {
            return None;
        }
        let length = parts.get_u32() as usize;
        (parts.left == length).then_some(parts)
    }
}

/// Bytes that lie in several pieces.
#[derive(Clone, Debug)]
pub(super) struct Parts<'a> {
    current: &'a [u8],
    rest: slice::Iter<'a, Bytes>,
    left: usize,
}

impl Buf for Parts<'_> {
    fn remaining(&self) -> usize {
        self.left
    }

    fn chunk(&self) -> &[u8] {
        self.current
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.left, "advance by {count} of {} bytes", self.left);
        self.left -= count;
        while count >= self.current.len() {
            count -= self.current.len();
            match self.rest.next() {
                Some(next) => self.current = next,
                None => {
                    self.current = &[];
                    break;
                }
            }
        }
        self.current = &self.current[count.min(self.current.len())..];
    }
}

/// What lies behind a field's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Number(u64),
    /// So many bytes, which are the next ones; [`fields`] skips what was not read of them.
    Length(usize),
    /// Fixed-size numbers, which nobody here asks for.
    Other,
}

/// Calls `each` with the fields of the message in the next `length` bytes. Ends silently where the bytes are no protobuf: what was
/// found until then has to do, as nothing is decided by it.
pub(super) fn fields(parts: &mut Parts<'_>, length: usize, mut each: impl FnMut(u32, Value, &mut Parts<'_>)) {
    let end = parts.left.saturating_sub(length);
    while parts.left > end {
        let Some((tag, value)) = field(parts) else { return };
        let Value::Length(length) = value else {
            each(tag, value, parts);
            continue;
        };
        let Some(after) = parts.left.checked_sub(length).filter(|after| *after >= end) else { return };
        each(tag, value, parts);
        parts.advance(parts.left.saturating_sub(after));
    }
}

fn field(parts: &mut Parts<'_>) -> Option<(u32, Value)> {
    let (tag, wire_type) = decode_key(parts).ok()?;
    let value = match wire_type {
        WireType::Varint => Value::Number(decode_varint(parts).ok()?),
        WireType::LengthDelimited => Value::Length(usize::try_from(decode_varint(parts).ok()?).ok()?),
        WireType::SixtyFourBit => skip(parts, 8)?,
        WireType::ThirtyTwoBit => skip(parts, 4)?,
        WireType::StartGroup | WireType::EndGroup => return None,
    };
    Some((tag, value))
}

fn skip(parts: &mut Parts<'_>, count: usize) -> Option<Value> {
    if parts.left < count {
        return None;
    }
    parts.advance(count);
    Some(Value::Other)
}

/// Whether the next `length` bytes are `text`; reads them if the lengths agree.
pub(super) fn is_text(parts: &mut Parts<'_>, length: usize, text: &[u8]) -> bool {
    length == text.len() && length <= parts.left && text.iter().all(|byte| parts.get_u8() == *byte)
}

/// The number that the next `length` bytes spell in decimal; None for anything else.
pub(super) fn decimal(parts: &mut Parts<'_>, length: usize) -> Option<u64> {
    if !(1..=19).contains(&length) || length > parts.left {
        return None;
    }
    (0..length).try_fold(0_u64, |number, _| {
        let digit = parts.get_u8().wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u64::from(digit))
    })
}

/// The next `length` bytes as text; broken text becomes a name that nobody has.
pub(super) fn text(parts: &mut Parts<'_>, length: usize) -> String {
    String::from_utf8_lossy(&parts.copy_to_bytes(length.min(parts.left))).into_owned()
}
