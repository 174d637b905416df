//! Keys of `[milvus]`.

use super::{forms::names, tls};
use crate::{
    keys::{DefaultValue, Key, Kind, Table, millis, secs},
    plan::milvus::{ACCESS, PICK, RESOLVE},
};

/// An address without a path, with a port that there can be.
const ADDRESS: &str = concat!(
    r"^\s*[Hh][Tt][Tt][Pp][Ss]?://([^/@?#:\[\]\s]+|\[[0-9A-Fa-f:.]+\])",
    r"(:(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3}))?",
    r"/*\s*$"
);
/// Names of databases.
const DATABASE: &str = "^[^\\x00-\\x1f\\x7f]{1,255}$";

/// Connections, also where their table says nothing of their number.
const CONNECTIONS_DEFAULT: DefaultValue = DefaultValue::Integer(4);

/// `milvus`.
pub(super) static MILVUS: Table = Table::new(
    "milvus",
    &[
        Key::new(
            "uri",
            Kind::Text(ADDRESS),
            DefaultValue::Text("http://127.0.0.1:19530"),
            "address of Milvus; `--uri` and `MILVUS_URI` take precedence",
        )
        .allowed(
            "http:// or https://, host, port (without one: 19530, https 443); no user or \
             password, no path",
        )
        .answers(&["host", "port", "address"])
        .foreign(&[
            ("url", "`uri` or `endpoint`"),
            ("secure", "`uri = \"https://...\"` of [milvus]"),
        ]),
        Key::new(
            "timeout",
            Kind::duration(millis(1), secs(3600)),
            DefaultValue::Text("10s"),
            "timeout of a request, from its sending; the request then counts as failed",
        ),
        Key::new(
            "wait",
            Kind::duration(secs(0), secs(3600)),
            DefaultValue::Text("60s"),
            "maximum wait while Milvus answers \"not ready yet\"; if the key is set, also while \
             it accepts no connections; `--wait` takes precedence",
        ),
        Key::new(
            "connections",
            Kind::OneOf(&[Kind::integer(1, 1024), Kind::Table(&CONNECTIONS)]),
            CONNECTIONS_DEFAULT,
            "connections, divided among the load threads",
        ),
        Key::new(
            "access",
            Kind::Choice(|| names(ACCESS)),
            DefaultValue::Text("all"),
            "calls that the client may send. read: reads only; write: reads and writes of rows; \
             all: everything",
        ),
        Key::new(
            "needs",
            Kind::TEXT,
            DefaultValue::None("any"),
            "versions of Milvus that the scenario is for, e.g. \">= 2.4\"; compared with the \
             server's before anything is written",
        )
        .allowed("a requirement such as \">= 2.4\" or \">= 2.5, < 2.7\""),
        Key::new(
            "database",
            Kind::Text(DATABASE),
            DefaultValue::None("Milvus' default"),
            "database of all collections",
        )
        .answers(&["db_name", "database_name"]),
        Key::new(
            "token",
            Kind::Secret,
            DefaultValue::None("none"),
            "API key or `user:password`; `MILVUS_TOKEN` takes precedence",
        )
        .excludes(&["user"])
        .answers(&["api_key"]),
        Key::new(
            "user",
            Kind::TEXT,
            DefaultValue::None("none"),
            "user name; needs `password`",
        )
        .needs(&["password"])
        .answers(&["username"]),
        Key::new(
            "password",
            Kind::Secret,
            DefaultValue::None("none"),
            "password of `user`",
        ),
        Key::new(
            "tls",
            Kind::Table(&tls::OF_MILVUS),
            DefaultValue::None("the system's CA certificates"),
            "CA, client certificate and name of the server",
        )
        .allowed("with https:// only"),
    ],
)
.rules(&[r#"{ "if": { "required": ["password"] },
            "then": { "anyOf": [{ "required": ["user"] }, { "required": ["token"] }] } }"#]);

/// `milvus.connections`.
static CONNECTIONS: Table = Table::new(
    "milvus.connections",
    &[
        Key::new(
            "count",
            Kind::integer(1, 1024),
            CONNECTIONS_DEFAULT,
            "the same as `connections` as a number",
        ),
        Key::new(
            "resolve",
            Kind::Choice(|| names(RESOLVE)),
            DefaultValue::Text("first"),
            "first: all connections to the first address of the host that answers; every-address: \
             spread over all addresses",
        ),
        Key::new(
            "pick",
            Kind::Choice(|| names(PICK)),
            DefaultValue::Text("round-robin"),
            "how a request selects its connection; pinned: always the same one for a caller of a \
             closed loop, and for a position in the sequence of an open loop",
        ),
    ],
);
