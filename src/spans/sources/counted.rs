//! Protobuf messages with the bytes that they were made of: what a reply weighs, and whether it
//! held anything at all, which the decoded message does not say of fields that it does not know.

use std::marker::PhantomData;

use prost::Message;
use prost::bytes::Buf;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// A message and its length on the wire.
pub(super) struct Counted<R> {
    pub(super) message: R,
    pub(super) bytes: usize,
}

/// Encodes `Q`, decodes `R`.
pub(super) struct CountingCodec<Q, R>(PhantomData<(Q, R)>);

impl<Q, R> Default for CountingCodec<Q, R> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<Q: Message + Send + 'static, R: Message + Default + Send + 'static> Codec
    for CountingCodec<Q, R>
{
    type Encode = Q;
    type Decode = Counted<R>;
    type Encoder = PlainEncoder<Q>;
    type Decoder = CountingDecoder<R>;

    fn encoder(&mut self) -> Self::Encoder {
        PlainEncoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        CountingDecoder(PhantomData)
    }
}

/// See [`CountingCodec`].
pub(super) struct PlainEncoder<Q>(PhantomData<Q>);

impl<Q: Message> Encoder for PlainEncoder<Q> {
    type Item = Q;
    type Error = Status;

    fn encode(&mut self, item: Q, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        // A buffer that grows has room for any message.
        item.encode(buffer)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

/// See [`CountingCodec`].
pub(super) struct CountingDecoder<R>(PhantomData<R>);

impl<R: Message + Default> Decoder for CountingDecoder<R> {
    type Item = Counted<R>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Counted<R>>, Status> {
        let bytes = buffer.remaining();
        let beginning =
            String::from_utf8_lossy(buffer.chunk().get(..200).unwrap_or(buffer.chunk()))
                .into_owned();
        match R::decode(buffer) {
            Ok(message) => Ok(Some(Counted { message, bytes })),
            Err(error) => Err(Status::data_loss(format!(
                "a message in an unknown form ({error}): {beginning}"
            ))),
        }
    }
}
