//! Calls of single methods over tonic, without this crate's own transport: what tests of the fake
//! itself send.

use milvus_bench::milvus::Method;
use prost::Message;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

/// A connection to `uri`, which must be open.
pub async fn connect(uri: &str) -> Channel {
    Endpoint::from_shared(uri.to_owned())
        .expect("a valid URI")
        .connect()
        .await
        .expect("an open port")
}

/// One call of `method`.
pub async fn call<Req, Reply>(
    channel: &Channel,
    method: &'static Method,
    request: Request<Req>,
) -> Result<Reply, Status>
where
    Req: Message + 'static,
    Reply: Message + Default + 'static,
{
    let mut client = tonic::client::Grpc::new(channel.clone());
    client
        .ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let reply = client
        .unary(
            request,
            PathAndQuery::from_static(method.path),
            ProstCodec::<Req, Reply>::default(),
        )
        .await?;
    Ok(reply.into_inner())
}
