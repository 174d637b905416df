//! OpenTelemetry's semantic conventions 1.45.0, as far as the client's spans use them: names of
//! attributes, and gRPC's statuses as text. `tests/data/semconv` has the whole list of that
//! version, which a test below holds these names against.

/// Where the conventions that a span follows are published.
pub(super) const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.45.0";

/// `grpc`.
pub const RPC_SYSTEM_NAME: &str = "rpc.system.name";
/// `package.Service/Method`.
pub const RPC_METHOD: &str = "rpc.method";
/// gRPC's status as text, see [`grpc_status_name`].
pub const RPC_STATUS_CODE: &str = "rpc.status_code";
/// Class of a failure; not set on success.
pub const ERROR_TYPE: &str = "error.type";
/// `milvus`.
pub const DB_SYSTEM_NAME: &str = "db.system.name";
/// The database.
pub const DB_NAMESPACE: &str = "db.namespace";
/// The collection.
pub const DB_COLLECTION_NAME: &str = "db.collection.name";
/// The operation as the scenario names it.
pub const DB_OPERATION_NAME: &str = "db.operation.name";
/// Milvus' own code of a failure, as text.
pub const DB_RESPONSE_STATUS_CODE: &str = "db.response.status_code";
/// Host of Milvus.
pub const SERVER_ADDRESS: &str = "server.address";
/// Port of Milvus.
pub const SERVER_PORT: &str = "server.port";

/// Names before the conventions of RPC were stable, for `OTEL_SEMCONV_STABILITY_OPT_IN=rpc/dup`:
/// those of 1.37.0, and of the candidates after it. The method's short name has none: `rpc.method`
/// means the full one now.
pub mod old {
    /// `grpc`.
    pub const RPC_SYSTEM: &str = "rpc.system";
    /// `package.Service`.
    pub const RPC_SERVICE: &str = "rpc.service";
    /// gRPC's status as a number.
    pub const RPC_GRPC_STATUS_CODE: &str = "rpc.grpc.status_code";
    /// gRPC's status as text.
    pub const RPC_RESPONSE_STATUS_CODE: &str = "rpc.response.status_code";
}

/// Names of gRPC's statuses, by their number.
const GRPC_STATUSES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// gRPC's name of status `code`; a number that it does not have is UNKNOWN, as its libraries read
/// it.
#[must_use]
pub fn grpc_status_name(code: u8) -> &'static str {
    GRPC_STATUSES
        .get(usize::from(code))
        .unwrap_or(&GRPC_STATUSES[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name stability` lines, see the README beside it.
    const LIST: &str = include_str!("../../tests/data/semconv/attributes-1.45.0.txt");

    fn stability(name: &str) -> Option<&'static str> {
        LIST.lines()
            .filter_map(|line| line.split_once(' '))
            .find(|(known, _)| *known == name)
            .map(|(_, stability)| stability)
    }

    #[test]
    fn what_is_sent_is_stable_in_the_conventions() {
        let names = [
            RPC_SYSTEM_NAME,
            RPC_METHOD,
            RPC_STATUS_CODE,
            ERROR_TYPE,
            DB_SYSTEM_NAME,
            DB_NAMESPACE,
            DB_COLLECTION_NAME,
            DB_OPERATION_NAME,
            DB_RESPONSE_STATUS_CODE,
            SERVER_ADDRESS,
            SERVER_PORT,
        ];
        for name in names {
            assert_eq!(stability(name), Some("stable"), "{name}");
        }
    }

    #[test]
    fn what_is_sent_for_older_readers_is_deprecated_there() {
        for name in [
            old::RPC_SYSTEM,
            old::RPC_SERVICE,
            old::RPC_GRPC_STATUS_CODE,
            old::RPC_RESPONSE_STATUS_CODE,
        ] {
            assert_eq!(stability(name), Some("deprecated"), "{name}");
        }
        assert_eq!(stability("rpc.nonsense"), None);
    }

    #[test]
    fn statuses_are_those_of_grpc() {
        for code in 0..=16 {
            let name = format!("{:?}", tonic::Code::from_i32(i32::from(code))).to_uppercase();
            assert_eq!(grpc_status_name(code).replace('_', ""), name, "{code}");
        }
        assert_eq!(grpc_status_name(99), "UNKNOWN");
    }
}
