//! TLS of the three links: to Milvus, to the span source and to the OTLP endpoint. One set of
//! options, one reader of their files, and one answer to why a connection failed: the cause is
//! read from the error that is there, and where an error was lost on its way, from a second
//! handshake ([`Look`]).

mod cause;
mod look;
mod options;
mod renamed;

pub use cause::{TlsCause, TlsPeer, TlsTrouble, no_connection};
pub use look::{Look, Needs};
pub use options::{TlsError, TlsFile, TlsOptions};
pub use renamed::Renamed;
