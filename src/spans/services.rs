//! Which services are Milvus'.

/// Milvus' roles as `service.name` has them in 2.3 to 3.0, and its engine.
const MILVUS_SERVICES: &[&str] = &[
    "standalone",
    "mixture",
    "proxy",
    "querynode",
    "datanode",
    "indexnode",
    "streamingnode",
    "rootcoord",
    "querycoord",
    "datacoord",
    "mixcoord",
    "segcore",
];

/// Whether `service` is a role of Milvus, or its engine.
#[must_use]
pub fn is_milvus_service(service: &str) -> bool {
    MILVUS_SERVICES.contains(&service)
}
