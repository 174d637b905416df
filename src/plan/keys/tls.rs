//! Keys of `tls`, the same in each table that names a server.

use crate::keys::{DefaultValue, Key, Kind, Table};

/// `milvus.tls`.
pub(super) static OF_MILVUS: Table = Table::new("milvus.tls", KEYS);

/// `tracing.tls`.
pub(super) static OF_EXPORT: Table = Table::new("tracing.tls", KEYS);

/// `tracing.spans.tls`.
pub(super) static OF_SPANS: Table = Table::new("tracing.spans.tls", KEYS);

const KEYS: &[Key] = &[
    Key::new(
        "ca",
        Kind::Path,
        DefaultValue::None("the system's CA certificates"),
        "CA certificates that the server's certificate is checked against, in place of the \
         system's",
    )
    .allowed("a PEM file"),
    Key::new(
        "cert",
        Kind::Path,
        DefaultValue::None("none"),
        "client certificate, for a server that requires one; needs `key`",
    )
    .needs(&["key"])
    .allowed("a PEM file"),
    Key::new(
        "key",
        Kind::KeyFile,
        DefaultValue::None("none"),
        "private key of `cert`",
    )
    .needs(&["cert"])
    .allowed("a PEM file, never the key itself"),
    Key::new(
        "server_name",
        Kind::TEXT,
        DefaultValue::None("the host of the address"),
        "name to ask for (SNI), which the server's certificate must have",
    ),
];
