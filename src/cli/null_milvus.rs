//! `null-milvus`: the Milvus that does nothing, of `calibrate`.

use std::{
    io::Read,
    net::{Ipv4Addr, SocketAddr},
};

use clap::Args;

use super::{
    ended::{CliError, Done},
    output::print,
};
use crate::null_milvus::{NullMilvus, NullOptions};

/// Arguments of `null-milvus`.
#[derive(Debug, Args)]
pub(crate) struct NullMilvusArguments {
    /// Core of the serving thread
    #[arg(long, value_name = "N")]
    core: Option<usize>,
}

/// Serves until its stdin closes.
pub(crate) fn null_milvus(arguments: &NullMilvusArguments) -> Result<Done, CliError> {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = NullMilvus::start(NullOptions {
        listen,
        core: arguments.core,
        ..NullOptions::default()
    })
    .map_err(|error| CliError::new(format!("the null Milvus can't listen on {listen}: {error}")))?;
    print(format!("listening on {}\n", server.address()).as_bytes())?;
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(Done::Ok)
}
