//! `tls` of `[tracing]` and `[tracing.spans]`, and OpenTelemetry's variables beside it.

use super::{
    otlp::{plan_of, scenario},
    *,
};
use crate::tls::{TlsFile, TlsOptions};

#[test]
fn files_of_tls_come_from_sets_then_variables_then_the_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, "").unwrap();
        path.display().to_string()
    };
    let [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map(path);
    let written = format!(
        "export = \"https://c:4317\"\ntls = {{ ca = {ca:?}, cert = {cert:?}, key = {key:?}, \
         server_name = \"a.test\" }}"
    );
    let tls = |sets: &[&str], variables: &[(&str, &str)]| {
        let plan = plan_of(&written, None, sets, variables);
        let remarks: Vec<String> = plan.remarks.iter().map(ToString::to_string).collect();
        (plan.tracing.export.unwrap().tls, remarks)
    };
    let own = |path: &str, key: &str| Some(TlsFile::new(path, format!("tls.{key} of [tracing]")));
    let scenario = TlsOptions {
        ca: own(&ca, "ca"),
        cert: own(&cert, "cert"),
        key: own(&key, "key"),
        server_name: Some("a.test".to_owned()),
    };
    assert_eq!(tls(&[], &[]), (scenario.clone(), Vec::new()));
    let variable = ("OTEL_EXPORTER_OTLP_CERTIFICATE", "v.pem");
    let (options, remarks) = tls(&[], &[variable]);
    assert_eq!(options.ca, Some(TlsFile::new("v.pem", variable.0)));
    assert_eq!(options.cert, scenario.cert);
    assert!(
        remarks.len() == 1 && remarks[0].contains("tracing.tls.ca"),
        "{remarks:?}"
    );
    let set = format!("tracing.tls.ca={ca}");
    assert_eq!(tls(&[&set], &[variable]), (scenario, Vec::new()));
}

#[test]
fn tls_of_an_address_without_it_is_refused_in_each_table() {
    for (written, key) in [
        ("export = \"http://c:4317\"\ntls = {}", "`tracing.tls`"),
        ("spans = { tls = {} }", "`tracing.spans.tls`"),
        (
            "spans = { endpoint = \"http://j:16686\", tls = { server_name = \"a\" } }",
            "`tracing.spans.tls`",
        ),
    ] {
        let error = plan_with(&scenario(written), &[], &|_| None, &PlanFlags::default())
            .expect_err(written)
            .to_string();
        assert!(
            error.contains(key) && error.contains("needs an address with https://"),
            "{error}"
        );
    }
    let embedded = "spans = { source = \"embedded\", tls = {} }";
    let plan = plan_of(embedded, None, &[], &[]);
    assert!(
        plan.tracing.tls.is_none() && plan.remarks[0].to_string().contains("tracing.spans.tls"),
        "{:?}",
        plan.remarks
    );
}
