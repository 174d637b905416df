//! A request's bytes as they came in, and cheap looks into them: single fields are read, all others
//! skipped, nothing is copied.

use std::slice;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::{
    Message,
    encoding::{WireType, decode_key, decode_varint},
};

/// gRPC's prefix of a message: a flag, and the length as four bytes.
pub(super) const PREFIX: usize = 5;

/// `message` with gRPC's prefix.
pub(super) fn framed(message: &impl Message) -> Bytes {
    let mut out = prefixed(message.encoded_len());
    message.encode_raw(&mut out);
    out.freeze()
}

/// Bytes that need be no message, with gRPC's prefix.
pub(super) fn framed_bytes(bytes: &[u8]) -> Bytes {
    let mut out = prefixed(bytes.len());
    out.put_slice(bytes);
    out.freeze()
}

/// The prefix of `length` bytes, and room for them.
fn prefixed(length: usize) -> BytesMut {
    let mut out = BytesMut::with_capacity(PREFIX + length);
    out.put_u8(0);
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    out
}

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
        let mut parts = Parts {
            current: &self.first,
            rest: self.rest.iter(),
            left: self.length,
        };
        if parts.left < PREFIX || parts.get_u8() != 0 {
            return None;
        }
        let length = parts.get_u32() as usize;
        (parts.left == length).then_some(parts)
    }

    /// The same in one piece; no copy is made of one that came in one frame.
    pub(super) fn whole(&self) -> Option<Bytes> {
        let mut parts = self.message()?;
        if self.rest.is_empty() {
            Some(self.first.slice(PREFIX..))
        } else {
            Some(parts.copy_to_bytes(parts.left))
        }
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
        assert!(
            count <= self.left,
            "advance by {count} of {} bytes",
            self.left
        );
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
    /// Fixed-size numbers, which are not asked for here.
    Other,
}

/// Calls `each` with the fields of the message in the next `length` bytes. Ends silently where the
/// bytes are no protobuf: what was found until then has to do, as nothing is decided by it.
pub(super) fn fields(
    parts: &mut Parts<'_>,
    length: usize,
    mut each: impl FnMut(u32, Value, &mut Parts<'_>),
) {
    let end = parts.left.saturating_sub(length);
    while parts.left > end {
        let Some((tag, value)) = field(parts) else {
            return;
        };
        let Value::Length(length) = value else {
            each(tag, value, parts);
            continue;
        };
        let Some(after) = parts.left.checked_sub(length).filter(|after| *after >= end) else {
            return;
        };
        each(tag, value, parts);
        parts.advance(parts.left.saturating_sub(after));
    }
}

fn field(parts: &mut Parts<'_>) -> Option<(u32, Value)> {
    let (tag, wire_type) = decode_key(parts).ok()?;
    let value = match wire_type {
        WireType::Varint => Value::Number(decode_varint(parts).ok()?),
        WireType::LengthDelimited => {
            Value::Length(usize::try_from(decode_varint(parts).ok()?).ok()?)
        }
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

/// The first text with this field number in a message; None for an empty one.
pub(super) fn first_text(mut parts: Parts<'_>, wanted: u32) -> Option<String> {
    let (length, mut found) = (parts.left, None);
    fields(&mut parts, length, |tag, value, parts| match value {
        Value::Length(length) if tag == wanted && found.is_none() => {
            found = Some(text(parts, length));
        }
        _ => {}
    });
    found.filter(|name| !name.is_empty())
}

/// The next `length` bytes as text; broken text becomes a name that does not occur.
pub(super) fn text(parts: &mut Parts<'_>, length: usize) -> String {
    String::from_utf8_lossy(&parts.copy_to_bytes(length.min(parts.left))).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(frames: &[&[u8]]) -> Body {
        let mut body = Body::default();
        frames
            .iter()
            .for_each(|frame| body.push(Bytes::copy_from_slice(frame)));
        body
    }

    fn message(frames: &[&[u8]]) -> Option<Vec<u8>> {
        let body = body(frames);
        let parts = body.message();
        let read = parts.map(|mut parts| parts.copy_to_bytes(parts.remaining()));
        assert_eq!(read, body.whole());
        read.map(|message| message.to_vec())
    }

    #[test]
    fn the_first_text_of_a_field_is_found() {
        let found = |message: &[u8], tag| {
            let prefix = [&[0][..], &(message.len() as u32).to_be_bytes()].concat();
            let body = body(&[&prefix, message]);
            first_text(body.message().expect("whole"), tag)
        };
        let message = b"\x0a\x01a\x1a\x03one\x1a\x03two";
        assert_eq!(found(message, 3).as_deref(), Some("one"));
        assert_eq!(found(message, 2), None);
        assert_eq!(found(b"\x1a\x00", 3), None);
    }

    #[test]
    fn a_message_is_the_same_in_any_number_of_frames() {
        assert_eq!(message(&[b"\0\0\0\0\x03abc"]), Some(b"abc".to_vec()));
        assert_eq!(
            message(&[b"\0\0", b"", b"\0\0\x03", b"a", b"bc"]),
            Some(b"abc".to_vec())
        );
        assert_eq!(message(&[b"\0\0\0\0\0"]), Some(Vec::new()));
    }

    #[test]
    fn what_is_not_whole_or_compressed_is_no_message() {
        assert_eq!(message(&[]), None);
        assert_eq!(message(&[b"\0\0\0\0"]), None);
        assert_eq!(message(&[b"\0\0\0\0\x04abc"]), None);
        assert_eq!(message(&[b"\0\0\0\0\x02abc"]), None);
        assert_eq!(message(&[b"\x01\0\0\0\x03abc"]), None);
    }

    /// Fields of a message as tag and what was read of its value.
    fn found(message: &[u8]) -> Vec<(u32, String)> {
        let prefix = [&[0][..], &(message.len() as u32).to_be_bytes()].concat();
        let body = body(&[&prefix, message]);
        let mut parts = body.message().expect("whole");
        let (length, mut found) = (parts.remaining(), Vec::new());
        fields(&mut parts, length, |tag, value, parts| {
            let read = match value {
                Value::Number(number) => number.to_string(),
                Value::Length(length) => text(parts, length.min(2)),
                Value::Other => "-".to_owned(),
            };
            found.push((tag, read));
        });
        found
    }

    #[test]
    fn fields_are_found_and_what_was_not_read_is_skipped() {
        let all = found(b"\x08\x96\x01\x12\x04four\x1d1234\x2112345678\x28\x07");
        assert_eq!(
            all,
            [
                (1, "150".into()),
                (2, "fo".into()),
                (3, "-".into()),
                (4, "-".into()),
                (5, "7".into())
            ]
        );
    }

    #[test]
    fn a_broken_field_ends_the_search() {
        assert_eq!(found(b"\x08\x01\x12\x7ffour\x28\x07"), [(1, "1".into())]);
        assert_eq!(found(b"\x08\x01\x0b"), [(1, "1".into())]);
        assert_eq!(found(b"\x08\x01\x1d12"), [(1, "1".into())]);
    }

    #[test]
    fn numbers_in_text_are_decimal() {
        let read = |text: &[u8]| {
            let prefix = [&[0][..], &(text.len() as u32).to_be_bytes()].concat();
            let body = body(&[&prefix, text]);
            decimal(&mut body.message().expect("whole"), text.len())
        };
        assert_eq!(read(b"16384"), Some(16_384));
        assert_eq!(
            read(b"9999999999999999999"),
            Some(9_999_999_999_999_999_999)
        );
        for text in [&b""[..], b"-1", b"1.5", b"12345678901234567890"] {
            assert_eq!(read(text), None);
        }
    }
}
