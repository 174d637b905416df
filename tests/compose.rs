//! The files of deploy/compose: valid by the schema of Compose files, consistent with each other,
//! and closed to the network.

use std::path::{Path, PathBuf};

use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/compose")
}

fn yaml(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(name)).expect(name);
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn compose() -> Value {
    yaml("docker-compose.yaml")
}

/// Every violation of the schema, as text.
fn violations(compose: &Value) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/compose/compose-spec.json");
    let text = std::fs::read_to_string(path).expect("the committed schema");
    let schema: Value = serde_json::from_str(&text).expect("the committed schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the committed schema is one");
    validator
        .iter_errors(compose)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn texts(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .map(|values| values.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

/// Ports of `service` as (host address, host port, container port).
fn ports<'a>(compose: &'a Value, service: &str) -> Vec<(&'a str, &'a str, &'a str)> {
    let split = |port: &'a str| {
        let mut parts = port.rsplitn(3, ':');
        let (inside, outside) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        (parts.next().unwrap_or("every address"), outside, inside)
    };
    texts(&compose["services"][service]["ports"])
        .into_iter()
        .map(split)
        .collect()
}

#[test]
fn it_is_valid_by_the_schema() {
    assert_eq!(violations(&compose()), Vec::<String>::new());
}

#[test]
fn the_schema_finds_a_wrong_key_and_a_wrong_type() {
    let mut wrong = compose();
    wrong["services"]["milvus"]["port"] = Value::from(1);
    wrong["services"]["jaeger"]["image"] = Value::from(1);
    let found = violations(&wrong).join("\n");
    assert!(
        found.contains("/services/milvus") && found.contains("/services/jaeger/image"),
        "{found}"
    );
}

#[test]
fn the_images_are_the_pinned_ones() {
    let compose = compose();
    assert_eq!(
        compose["services"]["milvus"]["image"],
        "milvusdb/milvus:v2.5.11"
    );
    assert_eq!(
        compose["services"]["jaeger"]["image"],
        "jaegertracing/all-in-one:1.46.0"
    );
    assert_eq!(compose["services"].as_object().unwrap().len(), 2);
}

fn check_ports(service: &str, expected: &[&str]) {
    let compose = compose();
    let ports = ports(&compose, service);
    assert!(
        ports
            .iter()
            .all(|(address, outside, inside)| *address == "127.0.0.1" && outside == inside),
        "{ports:?}"
    );
    assert_eq!(
        ports
            .iter()
            .map(|(_, _, inside)| *inside)
            .collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn the_usual_ports_are_open_on_loopback_only() {
    check_ports("milvus", &["19530", "9091"]);
    check_ports("jaeger", &["16685", "16686", "4317", "4318", "14269"]);
}

#[test]
fn a_port_without_an_address_would_be_seen() {
    let open = serde_json::json!({"services": {"x": {"ports": ["80:80", "127.0.0.1:1:2"]}}});
    assert_eq!(
        ports(&open, "x"),
        [("every address", "80", "80"), ("127.0.0.1", "1", "2")]
    );
}

#[test]
fn mounted_files_exist_and_mounted_volumes_are_declared() {
    let compose = compose();
    let mounts = texts(&compose["services"]["milvus"]["volumes"]);
    assert_eq!(mounts.len(), 3);
    for mount in mounts {
        let source = mount.split(':').next().unwrap();
        let known = match source.strip_prefix("./") {
            Some(file) => folder().join(file).is_file(),
            None => compose["volumes"].as_object().unwrap().contains_key(source),
        };
        assert!(known, "{mount}");
    }
}

#[test]
fn the_settings_are_mounted_where_milvus_reads_them() {
    let compose = compose();
    let milvus = &compose["services"]["milvus"];
    let mounts = texts(&milvus["volumes"]);
    assert!(mounts.contains(&"./user.yaml:/milvus/configs/user.yaml:ro"));
    let etcd = milvus["environment"]["ETCD_CONFIG_PATH"].as_str().unwrap();
    assert!(mounts.contains(&format!("./embedEtcd.yaml:{etcd}:ro").as_str()));
    assert_eq!(milvus["environment"]["ETCD_USE_EMBED"], "true");
    assert_eq!(milvus["environment"]["COMMON_STORAGETYPE"], "local");
    assert_eq!(milvus["environment"]["DEPLOY_MODE"], "STANDALONE");
    assert_eq!(texts(&milvus["command"]), ["milvus", "run", "standalone"]);
    assert!(texts(&milvus["healthcheck"]["test"]).contains(&"http://localhost:9091/healthz"));
}

#[test]
fn milvus_sends_its_spans_to_the_jaeger_beside_it() {
    let user = yaml("user.yaml");
    let expected = serde_json::json!({"trace": {
        "exporter": "otlp",
        "sampleFraction": 0,
        "otlp": {"endpoint": "jaeger:4317", "method": "grpc", "secure": false},
        "initTimeoutSeconds": 10,
    }});
    assert_eq!(user, expected);
    assert!(
        compose()["services"]
            .as_object()
            .unwrap()
            .contains_key("jaeger")
    );
}

#[test]
fn jaeger_takes_otlp_and_keeps_a_whole_run() {
    let compose = compose();
    let environment = &compose["services"]["jaeger"]["environment"];
    for (name, value) in [
        ("COLLECTOR_OTLP_ENABLED", "true"),
        ("JAEGER_DISABLED", "true"),
        ("COLLECTOR_QUEUE_SIZE", "100000"),
        ("MEMORY_MAX_TRACES", "100000"),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
}

#[test]
fn the_embedded_etcd_has_its_addresses() {
    let etcd = yaml("embedEtcd.yaml");
    assert_eq!(etcd["listen-client-urls"], "http://0.0.0.0:2379");
    assert_eq!(etcd["advertise-client-urls"], "http://0.0.0.0:2379");
}
