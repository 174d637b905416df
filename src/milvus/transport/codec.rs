//! gRPC messages as they are: bytes in, bytes out, so that neither encoding nor decoding of
//! protobuf is measured.

use bytes::{Buf, BufMut, Bytes};
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// gRPC's frame before each message: a flag and a length.
const FRAME_BYTES: usize = 5;

/// The codec of one call: its message is the bytes that are given, its reply the bytes that came.
#[derive(Clone, Copy, Debug)]
pub struct BytesCodec {
    /// Length of the request's body, so that its frame is built in one allocation.
    pub body_bytes: usize,
}

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, body: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(body);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        // The threshold only matters for streams of several messages.
        BufferSettings::new(FRAME_BYTES + self.body_bytes, FRAME_BYTES)
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, body: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(body.copy_to_bytes(body.remaining())))
    }
}
