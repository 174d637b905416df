//! A message as gRPC frames it: five bytes before the encoded message, which is not copied.

use bytes::{Buf, Bytes};

/// Flag "not compressed" and the length of the message, big endian.
const PREFIX_BYTES: usize = 5;

/// What is still to be sent of one message.
#[derive(Debug)]
pub(super) struct Frame {
    prefix: [u8; PREFIX_BYTES],
    prefix_from: usize,
    body: Bytes,
}

impl Frame {
    /// A whole message.
    pub(super) fn new(body: Bytes) -> Self {
        let mut prefix = [0; PREFIX_BYTES];
        // Messages are bounded far below 4 GiB: 64 MiB by preparation, and by Milvus itself.
        prefix[1..].copy_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
        Self { prefix, prefix_from: 0, body }
    }

    /// The first `bytes` of it, which it then lacks.
    pub(super) fn split_to(&mut self, bytes: usize) -> Self {
        let of_prefix = bytes.min(PREFIX_BYTES - self.prefix_from);
        let mut first = Self { prefix: [0; PREFIX_BYTES], prefix_from: PREFIX_BYTES - of_prefix, body: Bytes::new() };
        first.prefix[PREFIX_BYTES - of_prefix..].copy_from_slice(&self.prefix[self.prefix_from..self.prefix_from + of_prefix]);
        self.prefix_from += of_prefix;
        first.body = self.body.split_to((bytes - of_prefix).min(self.body.len()));
        first
    }
}

impl Buf for Frame {
    fn remaining(&self) -> usize {
        PREFIX_BYTES - self.prefix_from + self.body.len()
    }

    fn chunk(&self) -> &[u8] {
        if self.prefix_from < PREFIX_BYTES { &self.prefix[self.prefix_from..] } else { &self.body }
    }

    fn advance(&mut self, count: usize) {
        let of_prefix = count.min(PREFIX_BYTES - self.prefix_from);
        self.prefix_from += of_prefix;
        self.body.advance(count - of_prefix);
    }
}

/// The one message of a reply's data.
///
/// # Errors
/// A sentence: it is compressed, longer or shorter than it says, or there are several.
pub(super) fn message(mut data: Bytes) -> Result<Bytes, String> {
    if data.len() < PREFIX_BYTES {
        return Err(format!("the reply ended after {} bytes, before its message began", data.len()));
    }
    let compressed = data.get_u8();
    let length = data.get_u32() as usize;
    if compressed != 0 {
        return Err("the reply is compressed, which was not asked for".to_owned());
    }
    if data.len() != length {
        return Err(format!("the reply has {} bytes of message and says {length}", data.len()));
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(body: &[u8]) -> Vec<u8> {
        let mut frame = Frame::new(Bytes::copy_from_slice(body));
        frame.copy_to_bytes(frame.remaining()).to_vec()
    }

    #[test]
    fn a_message_has_its_length_before_it() {
        assert_eq!(framed(b"abc"), [0, 0, 0, 0, 3, b'a', b'b', b'c']);
        assert_eq!(framed(b""), [0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_reply_that_lies_about_its_length_is_refused() {
        for data in [&[0, 0, 0, 0, 2, 1][..], &[0, 0, 0, 0, 0, 1], &[1, 0, 0, 0, 0], &[0, 0]] {
            message(Bytes::copy_from_slice(data)).expect_err("it is refused");
        }
    }

    proptest! {
        #[test]
        fn pieces_add_up_to_the_whole(body: Vec<u8>, cuts in prop::collection::vec(0_usize..40, 0..6)) {
            let mut frame = Frame::new(Bytes::from(body.clone()));
            let mut whole = Vec::new();
            for cut in cuts {
                let cut = cut.min(frame.remaining());
                let mut first = frame.split_to(cut);
                prop_assert_eq!(first.remaining(), cut);
                whole.extend_from_slice(&first.copy_to_bytes(cut));
            }
            whole.extend_from_slice(&frame.copy_to_bytes(frame.remaining()));
            prop_assert_eq!(&whole, &framed(&body));
            prop_assert_eq!(message(Bytes::from(whole)), Ok(Bytes::from(body)));
        }

        #[test]
        fn no_bytes_of_a_reply_make_it_panic(data: Vec<u8>) {
            let _ = message(Bytes::from(data));
        }
    }
}
