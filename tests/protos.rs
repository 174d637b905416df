//! The .proto files say what Milvus says, by the official SDKs of two languages; and the generated
//! code is what the .proto files say: regenerate with `MILVUS_BENCH_UPDATE=1 cargo test --test
//! protos`.

#[path = "protos/conformance.rs"]
mod conformance;
#[path = "protos/pymilvus.rs"]
mod pymilvus;
#[path = "protos/wire.rs"]
mod wire;

use std::path::Path;

/// Compiles `proto` without a system protoc and returns the generated file named `module`.
fn generate(proto: &str, module: &str, client: bool) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let descriptors =
        protox::compile([root.join(proto)], [&root]).expect("the .proto file compiles");
    let out = tempfile::tempdir().expect("a scratch folder");
    tonic_prost_build::configure()
        .build_client(client)
        .build_server(false)
        .build_transport(false)
        .disable_comments(["."])
        // Encoded beforehand and shared by requests.
        .bytes(".milvus.proto.milvus.SearchRequest.placeholder_group")
        .out_dir(out.path())
        .compile_fds(descriptors)
        .expect("code generation");
    let code = std::fs::read_to_string(out.path().join(module)).expect("the generated file");
    format!("// Generated from proto/{proto} by tests/protos.rs; do not edit.\n{code}")
}

fn check(proto: &str, module: &str, client: bool, committed: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(committed);
    let expected = generate(proto, module, client);
    if std::env::var_os("MILVUS_BENCH_UPDATE").is_some() {
        std::fs::write(&path, &expected).expect("write the generated file");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{committed} differs from proto/{proto}; run MILVUS_BENCH_UPDATE=1 cargo test --test protos"
    );
}

#[test]
fn milvus_code_is_generated_from_its_proto() {
    check(
        "milvus.proto",
        "milvus.proto.milvus.rs",
        false,
        "src/milvus/generated.rs",
    );
}

#[test]
fn jaeger_code_is_generated_from_its_protos() {
    check(
        "jaeger_v2.proto",
        "jaeger.api_v2.rs",
        false,
        "src/spans/sources/generated/jaeger_v2.rs",
    );
    check(
        "jaeger_v3.proto",
        "jaeger.api_v3.rs",
        false,
        "src/spans/sources/generated/jaeger_v3.rs",
    );
}
