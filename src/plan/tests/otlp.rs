//! Where the client's spans go, by `--otlp`, `--set`, OpenTelemetry's variables and the scenario.

use super::{super::OtlpProtocol, *};
use crate::tls::{TlsFile, TlsOptions};

const FILE: &str = "http://file:4317";

pub(super) fn scenario(export: &str) -> String {
    with(
        "[data.noise]",
        &format!("[tracing]\n{export}\n[data.noise]"),
    )
}

/// The plan of a scenario that writes `export`, with `--otlp`, `--set` and an environment.
pub(super) fn plan_of(
    export: &str,
    otlp: Option<&str>,
    sets: &[&str],
    variables: &[(&str, &str)],
) -> Plan {
    let env = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let flags = PlanFlags {
        otlp: otlp.map(str::to_owned),
        ..PlanFlags::default()
    };
    plan_with(&scenario(export), sets, &env, &flags).unwrap()
}

/// Endpoint and protocol in one text; `off` for none.
fn target(plan: &Plan) -> String {
    plan.tracing.export.as_ref().map_or_else(
        || "off".to_owned(),
        |export| format!("{} {}", export.protocol.name(), export.endpoint),
    )
}

/// Where spans go without and with a scenario that says so itself, and the words of each remark in
/// the first case.
#[track_caller]
fn check(variables: &[(&str, &str)], expected: &str, remarks: &[&[&str]]) {
    let plan = plan_of("", None, &[], variables);
    let shown: Vec<String> = plan.remarks.iter().map(ToString::to_string).collect();
    assert_eq!(target(&plan), expected, "{variables:?}: {shown:?}");
    assert_eq!(shown.len(), remarks.len(), "{variables:?}: {shown:?}");
    for (text, words) in shown.iter().zip(remarks) {
        for word in *words {
            assert!(
                text.contains(word),
                "{variables:?}: {text:?} lacks {word:?}"
            );
        }
    }
}

#[test]
fn the_port_or_the_protocol_of_the_environment_decides_how_spans_go() {
    const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
    check(&[], "grpc http://127.0.0.1:4317", &[]);
    check(
        &[(ENDPOINT, "http://localhost:4318")],
        "http/protobuf http://localhost:4318/v1/traces",
        &[],
    );
    check(
        &[(ENDPOINT, "http://c:4318/")],
        "http/protobuf http://c:4318/v1/traces",
        &[],
    );
    check(
        &[(ENDPOINT, "https://c/otlp"), (PROTOCOL, "http/protobuf")],
        "http/protobuf https://c/otlp/v1/traces",
        &[],
    );
    check(
        &[(ENDPOINT, "http://c:4317"), (PROTOCOL, "http/protobuf")],
        "http/protobuf http://c:4317/v1/traces",
        &[],
    );
    check(
        &[(ENDPOINT, "http://c:4318"), (PROTOCOL, "grpc")],
        "grpc http://c:4318",
        &[],
    );
    check(
        &[(TRACES, "http://c:9/custom"), (PROTOCOL, "HTTP/protobuf")],
        "http/protobuf http://c:9/custom",
        &[],
    );
    check(
        &[(TRACES, "http://c:4318"), (ENDPOINT, "http://other:1")],
        "http/protobuf http://c:4318/v1/traces",
        &[],
    );
    check(
        &[(ENDPOINT, "http://c:9/v1/traces")],
        "http/protobuf http://c:9/v1/traces",
        &[],
    );
    check(
        &[(PROTOCOL, "http/protobuf")],
        "http/protobuf http://127.0.0.1:4318/v1/traces",
        &[],
    );
    check(
        &[
            (PROTOCOL, "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
        ],
        "grpc http://127.0.0.1:4317",
        &[],
    );
    let json = [(ENDPOINT, "http://c:4318"), (PROTOCOL, "http/json")];
    check(
        &json,
        "http/protobuf http://c:4318/v1/traces",
        &[&[PROTOCOL, "http/protobuf is used"]],
    );
    check(
        &[(PROTOCOL, "thrift")],
        "grpc http://127.0.0.1:4317",
        &[&[PROTOCOL, "\"thrift\"", "grpc or http/protobuf"]],
    );
}

#[test]
fn an_address_that_cant_be_used_is_named_and_left_out() {
    let general = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let default = "grpc http://127.0.0.1:4317";
    check(
        &[(general, "nonsense")],
        default,
        &[&[general, "\"nonsense\"", "it is ignored"]],
    );
    check(
        &[(general, "unix:///run/otel.sock")],
        default,
        &[&[general, "http:// or https://", "it is ignored"]],
    );
    check(
        &[(general, "http://c:4317?x=1")],
        default,
        &[&[general, "`?`", "it is ignored"]],
    );
    check(
        &[(general, "http://u:s3cret@c:4317")],
        default,
        &[&[
            general,
            "contains a user or password",
            "OTEL_EXPORTER_OTLP_HEADERS",
        ]],
    );
    let traces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    check(
        &[(traces, "nonsense"), (general, "http://c:4317")],
        "grpc http://c:4317",
        &[&[traces, "it is ignored"]],
    );
    check(&[(general, " ")], default, &[]);
}

#[test]
fn an_address_without_a_scheme_is_encrypted_unless_it_is_said_to_be_insecure() {
    let (endpoint, insecure) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_INSECURE");
    check(
        &[(endpoint, "c:4317"), (insecure, "true")],
        "grpc http://c:4317",
        &[],
    );
    check(
        &[
            (endpoint, "c:4317"),
            ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "True"),
        ],
        "grpc http://c:4317",
        &[],
    );
    check(
        &[(endpoint, "c:4317")],
        "grpc https://c:4317",
        &[&[endpoint, "https:// is used", insecure]],
    );
    check(
        &[(endpoint, "[::1]:4318"), (insecure, "true")],
        "http/protobuf http://[::1]:4318/v1/traces",
        &[],
    );
    check(
        &[(endpoint, "http://c:4317"), (insecure, "true")],
        "grpc http://c:4317",
        &[],
    );
    check(
        &[(endpoint, "https://c:4317"), (insecure, "true")],
        "grpc https://c:4317",
        &[&[insecure, "no effect", "https://"]],
    );
    check(
        &[(insecure, "false")],
        "grpc http://127.0.0.1:4317",
        &[&[insecure, "no effect", "http://"]],
    );
    check(
        &[(insecure, "1")],
        "grpc http://127.0.0.1:4317",
        &[&[insecure, "\"1\"", "true or false"]],
    );
}

#[test]
fn what_switches_the_export_off_is_named() {
    check(
        &[("OTEL_TRACES_EXPORTER", "none")],
        "off",
        &[&["OTEL_TRACES_EXPORTER", "off"]],
    );
    check(
        &[("OTEL_SDK_DISABLED", "TRUE")],
        "off",
        &[&["OTEL_SDK_DISABLED", "off"]],
    );
    check(
        &[
            ("OTEL_SDK_DISABLED", "false"),
            ("OTEL_TRACES_EXPORTER", "otlp"),
        ],
        "grpc http://127.0.0.1:4317",
        &[],
    );
    check(
        &[("OTEL_SDK_DISABLED", "yes")],
        "grpc http://127.0.0.1:4317",
        &[&["OTEL_SDK_DISABLED", "\"yes\"", "true or false"]],
    );
    let two = [("OTEL_TRACES_EXPORTER", "console, otlp,zipkin")];
    check(
        &two,
        "grpc http://127.0.0.1:4317",
        &[&[
            "OTEL_TRACES_EXPORTER",
            "\"console\", \"zipkin\"",
            "otlp or none",
        ]],
    );
    for variable in ["OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"] {
        let value = if variable == "OTEL_SDK_DISABLED" {
            "true"
        } else {
            "none"
        };
        let plan = plan_of(
            &format!("export = \"{FILE}\""),
            None,
            &[],
            &[(variable, value)],
        );
        let remark = Remark::EnvironmentOverrides {
            variable: variable.to_owned(),
            key: "tracing.export".to_owned(),
        };
        assert_eq!(
            (target(&plan).as_str(), plan.remarks),
            ("off", vec![remark])
        );
    }
}

#[test]
fn a_flag_or_a_set_comes_before_every_variable() {
    let written = format!("export = \"{FILE}\"");
    let all: &[&[(&str, &str)]] = &[
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://env:4317")],
        &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://env:4318")],
        &[("OTEL_SDK_DISABLED", "true")],
        &[("OTEL_TRACES_EXPORTER", "none")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense")],
    ];
    for variables in all {
        for (otlp, sets, expected) in [
            (
                Some("http://flag:4317"),
                [].as_slice(),
                "grpc http://flag:4317",
            ),
            (
                Some("http://flag:4318"),
                &[],
                "http/protobuf http://flag:4318/v1/traces",
            ),
            (
                None,
                &["tracing.export=http://set:4317"],
                "grpc http://set:4317",
            ),
            (
                None,
                &["tracing.export=http://set:4318"],
                "http/protobuf http://set:4318/v1/traces",
            ),
            (None, &["tracing.export=off"], "off"),
        ] {
            let plan = plan_of(&written, otlp, sets, variables);
            assert_eq!(
                (target(&plan).as_str(), plan.remarks.as_slice()),
                (expected, [].as_slice()),
                "{variables:?} {otlp:?} {sets:?}"
            );
        }
    }
    let protocol = [("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")];
    for plan in [
        plan_of(&written, Some("http://flag:4317"), &[], &protocol),
        plan_of(&written, None, &[], &protocol),
    ] {
        assert_eq!(
            plan.tracing.export.as_ref().map(|export| export.protocol),
            Some(OtlpProtocol::Grpc)
        );
        let remark = plan.remarks[0].to_string();
        assert!(
            remark.starts_with("OTEL_EXPORTER_OTLP_PROTOCOL is http/protobuf, but port 4317"),
            "{remark}"
        );
    }
    let plan = plan_of(&written, Some("http://flag:9"), &[], &protocol);
    assert_eq!(
        (target(&plan).as_str(), plan.remarks.len()),
        ("http/protobuf http://flag:9/v1/traces", 0)
    );
}

#[test]
fn a_set_comes_before_the_variables_of_other_keys_too() {
    let variables = [("OTEL_SERVICE_NAME", "env"), ("MILVUS_URI", "http://env:1")];
    let plan = plan_of(
        "",
        None,
        &["tracing.service_name=set", "milvus.uri=http://set:2"],
        &variables,
    );
    assert_eq!(
        (plan.tracing.service_name.as_str(), plan.milvus.uri.as_str()),
        ("set", "http://set:2")
    );
    assert!(plan.remarks.is_empty(), "{:?}", plan.remarks);
}

#[test]
fn settings_of_the_exporter() {
    let plan = plan_of(
        "",
        None,
        &[],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:4317"),
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                "authorization=Bearer%20x, x-a = b=c",
            ),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "GZIP"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "all.pem"),
            ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "ca.pem"),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "cert.pem"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "key.pem"),
            ("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=a%20pod,,a=b,"),
        ],
    );
    let export = plan.tracing.export.as_ref().unwrap();
    let headers: Vec<_> = export
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.reveal()))
        .collect();
    assert_eq!(headers, [("authorization", "Bearer x"), ("x-a", "b=c")]);
    assert_eq!(
        (export.gzip, export.timeout),
        (true, Duration::from_millis(2500))
    );
    let file = |variable: &str, path: &str| {
        Some(TlsFile::new(path, format!("OTEL_EXPORTER_OTLP_{variable}")))
    };
    let expected = TlsOptions {
        ca: file("TRACES_CERTIFICATE", "ca.pem"),
        cert: file("CLIENT_CERTIFICATE", "cert.pem"),
        key: file("CLIENT_KEY", "key.pem"),
        server_name: None,
    };
    assert_eq!(export.tls, expected);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(
        plan.tracing.resource,
        [pair("k8s.pod.name", "a pod"), pair("a", "b")]
    );
    assert!(plan.remarks.is_empty(), "{:?}", plan.remarks);
    assert!(!format!("{plan:?}").contains("Bearer"));
}

#[test]
fn settings_that_cant_be_used_are_named() {
    let default = "grpc http://127.0.0.1:4317";
    for timeout in ["0", "-1", "1.5", "10s", "600001"] {
        check(
            &[("OTEL_EXPORTER_OTLP_TIMEOUT", timeout)],
            default,
            &[&["OTEL_EXPORTER_OTLP_TIMEOUT", timeout, "milliseconds"]],
        );
    }
    check(&[("OTEL_EXPORTER_OTLP_COMPRESSION", "none")], default, &[]);
    let zstd = [("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zstd")];
    check(
        &zstd,
        default,
        &[&[
            "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
            "\"zstd\"",
            "gzip or none",
        ]],
    );
    for (headers, word) in [
        ("s3cret", "without `=`"),
        ("a b=s3cret", "name that HTTP"),
        ("a=s3cret%0A", "value of \"a\""),
        ("a=%FF", "UTF-8"),
    ] {
        check(
            &[("OTEL_EXPORTER_OTLP_HEADERS", headers)],
            default,
            &[&["OTEL_EXPORTER_OTLP_HEADERS", word]],
        );
        let shown = plan_of("", None, &[], &[("OTEL_EXPORTER_OTLP_HEADERS", headers)]).remarks[0]
            .to_string();
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    for name in ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"] {
        let name = format!("OTEL_EXPORTER_OTLP_{name}");
        check(
            &[(&name, "x.pem")],
            default,
            &[&[&name, "no effect", "http://"]],
        );
    }
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:4317");
    for (alone, other) in [
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "CLIENT_CERTIFICATE"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "CLIENT_KEY"),
    ] {
        check(
            &[endpoint, (alone, "x.pem")],
            "grpc https://c:4317",
            &[&[alone, "is ignored", other]],
        );
    }
}

#[test]
fn attributes_that_are_none_are_named() {
    let plan = plan_of(
        "",
        None,
        &[],
        &[("OTEL_RESOURCE_ATTRIBUTES", "x, y=z,=3,v=%FF")],
    );
    assert_eq!(plan.tracing.resource, [("y".to_owned(), "z".to_owned())]);
    let remarks: Vec<String> = plan.remarks.iter().map(ToString::to_string).collect();
    let words = [
        ("\"x\"", "without `=`"),
        ("\"=3\"", "without a name"),
        ("\"v=%FF\"", "not UTF-8"),
    ];
    assert_eq!(remarks.len(), words.len(), "{remarks:?}");
    for (remark, (entry, why)) in remarks.iter().zip(words) {
        assert!(
            [entry, why, "OTEL_RESOURCE_ATTRIBUTES"]
                .iter()
                .all(|word| remark.contains(word)),
            "{remark}"
        );
    }
}

#[test]
fn older_names_are_asked_for_by_a_variable() {
    let older = |text| {
        plan_of("", None, &[], &[("OTEL_SEMCONV_STABILITY_OPT_IN", text)])
            .tracing
            .older_names
    };
    assert!(older("rpc/dup") && older("http, rpc/dup") && older("rpc,rpc/dup"));
    assert!(!older("rpc") && !older("") && !older("http/dup"));
    check(
        &[("OTEL_SEMCONV_STABILITY_OPT_IN", "http,rpc/old")],
        "grpc http://127.0.0.1:4317",
        &[&["rpc/old", "rpc/dup"]],
    );
    for word in ["xyz", "database/dup", "http/old"] {
        let text = format!("http/dup,database,{word},");
        check(
            &[("OTEL_SEMCONV_STABILITY_OPT_IN", &text)],
            "grpc http://127.0.0.1:4317",
            &[&[word, "ignored", "rpc/dup"]],
        );
    }
}
