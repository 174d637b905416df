//! A message as gRPC frames it: five bytes before the encoded message, which is not copied.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use bytes::{Buf, Bytes};
use tokio::time::Instant;

/// Flag "not compressed" and the length of the message, big endian.
const PREFIX_BYTES: usize = 5;

/// What is still to be sent of one message. HTTP/2 drops it when it has taken the last byte, or
/// when its stream is reset.
#[derive(Debug)]
pub(super) struct Frame {
    prefix: [u8; PREFIX_BYTES],
    prefix_from: usize,
    body: Bytes,
    sent: Instant,
    /// Turns of the connection before it was handed over.
    turn: u64,
    ledger: Rc<Ledger>,
}

/// What HTTP/2 has taken of the messages of one connection.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Turns of the event loop after which the socket had taken everything that HTTP/2 had for it.
    turns: Cell<u64>,
    /// Messages that were taken since the last of these.
    taken: RefCell<Vec<Taken>>,
}

/// A message that was taken as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// When it was handed over.
    pub(super) sent: Instant,
    /// Whether a turn passed meanwhile: nothing but the server's window can have held it up.
    pub(super) waited: bool,
}

impl Ledger {
    /// The socket has taken everything; gives what that was to `each`.
    pub(super) fn turned(&self, mut each: impl FnMut(Taken)) {
        self.turns.set(self.turns.get() + 1);
        self.taken.borrow_mut().drain(..).for_each(&mut each);
    }
}

impl Frame {
    /// A whole message that is handed over at `sent`.
    pub(super) fn new(body: Bytes, sent: Instant, ledger: &Rc<Ledger>) -> Self {
        let mut prefix = [0; PREFIX_BYTES];
        // Messages are bounded far below 4 GiB: 64 MiB by preparation, and by Milvus itself.
        prefix[1..].copy_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
        Self {
            prefix,
            prefix_from: 0,
            body,
            sent,
            turn: ledger.turns.get(),
            ledger: Rc::clone(ledger),
        }
    }
}

impl Drop for Frame {
    /// Called within HTTP/2, which must not be called back.
    fn drop(&mut self) {
        if !self.has_remaining() {
            let waited = self.ledger.turns.get() > self.turn;
            self.ledger.taken.borrow_mut().push(Taken {
                sent: self.sent,
                waited,
            });
        }
    }
}

impl Buf for Frame {
    fn remaining(&self) -> usize {
        PREFIX_BYTES - self.prefix_from + self.body.len()
    }

    fn chunk(&self) -> &[u8] {
        if self.prefix_from < PREFIX_BYTES {
            &self.prefix[self.prefix_from..]
        } else {
            &self.body
        }
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
        return Err(format!(
            "the reply ended after {} bytes, before its message began",
            data.len()
        ));
    }
    let compressed = data.get_u8();
    let length = data.get_u32() as usize;
    if compressed != 0 {
        return Err("the reply is compressed, which was not requested".to_owned());
    }
    if data.len() != length {
        return Err(format!(
            "malformed gRPC reply: its header announces {length} bytes, but {} arrived",
            data.len()
        ));
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(body: &[u8], ledger: &Rc<Ledger>) -> Frame {
        Frame::new(Bytes::copy_from_slice(body), Instant::now(), ledger)
    }

    fn framed(body: &[u8]) -> Vec<u8> {
        let mut frame = frame(body, &Rc::default());
        frame.copy_to_bytes(frame.remaining()).to_vec()
    }

    fn turned(ledger: &Ledger) -> Vec<bool> {
        let mut waited = Vec::new();
        ledger.turned(|taken| waited.push(taken.waited));
        waited
    }

    #[test]
    fn only_a_message_that_outlives_a_turn_has_waited_and_one_that_is_reset_was_never_taken() {
        let ledger = Rc::default();
        let [mut first, mut second, reset] = [(); 3].map(|()| frame(b"abc", &ledger));
        first.advance(first.remaining());
        drop(first);
        second.advance(3);
        assert_eq!(turned(&ledger), [false]);
        second.advance(second.remaining());
        drop((second, reset));
        assert_eq!(turned(&ledger), [true]);
        assert_eq!(turned(&ledger), [false; 0]);
    }

    #[test]
    fn a_message_has_its_length_before_it() {
        assert_eq!(framed(b"abc"), [0, 0, 0, 0, 3, b'a', b'b', b'c']);
        assert_eq!(framed(b""), [0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_reply_that_lies_about_its_length_is_refused() {
        for data in [
            &[0, 0, 0, 0, 2, 1][..],
            &[0, 0, 0, 0, 0, 1],
            &[1, 0, 0, 0, 0],
            &[0, 0],
        ] {
            message(Bytes::copy_from_slice(data)).expect_err("it is refused");
        }
    }

    proptest! {
        #[test]
        fn pieces_add_up_to_the_whole(
            body: Vec<u8>,
            cuts in prop::collection::vec(0_usize..40, 0..6),
        ) {
            let mut frame = frame(&body, &Rc::default());
            let mut whole = Vec::new();
            for cut in cuts {
                let cut = cut.min(frame.remaining());
                whole.extend_from_slice(&frame.copy_to_bytes(cut));
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
