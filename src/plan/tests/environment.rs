//! Flags and environment above the file; secrets.

use super::*;

const SECRET: &str = "hunter2-very-secret";

/// An environment with these variables.
fn env<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    move |name| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    }
}

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Plan, ScenarioError> {
    plan_with(text, &[], &env(variables), &PlanFlags::default())
}

fn exported(plan: &Plan) -> Option<&str> {
    plan.tracing
        .export
        .as_ref()
        .map(|export| export.endpoint.as_str())
}

fn overridden(variable: &str, key: &str) -> Remark {
    Remark::EnvironmentOverrides {
        variable: variable.to_owned(),
        key: key.to_owned(),
    }
}

#[test]
fn a_flag_stands_above_the_environment_and_that_above_the_file() {
    let variables = [("MILVUS_URI", "http://from-env:1")];
    let from_env = read(GOOD, &variables).unwrap();
    assert_eq!(
        (from_env.milvus.uri.as_str(), from_env.remarks),
        (
            "http://from-env:1",
            vec![overridden("MILVUS_URI", "milvus.uri")]
        )
    );
    let flags = PlanFlags {
        uri: Some("https://from-flag".to_owned()),
        seed: Some(7),
        ..PlanFlags::default()
    };
    let from_flag = plan_with(GOOD, &[], &env(&variables), &flags).unwrap();
    assert_eq!(
        (from_flag.milvus.uri.as_str(), from_flag.seed),
        ("https://from-flag:443", 7)
    );
    assert_eq!(
        from_flag.remarks,
        [Remark::PortTaken {
            giver: "--uri".to_owned(),
            port: 443
        }]
    );
    let silent = read(&with("uri = \"http://127.0.0.1:19530\"", ""), &variables).unwrap();
    assert!(
        silent.remarks.is_empty(),
        "nothing was written that could be overridden"
    );
    assert_eq!(
        read(GOOD, &[("MILVUS_URI", "")]).unwrap().milvus.uri,
        "http://127.0.0.1:19530"
    );
}

#[test]
fn the_variables_of_opentelemetry() {
    let text = with(
        "[data.noise]",
        "[tracing]\nservice_name = \"mine\"\nexport = \"http://file:4317\"\n[data.noise]",
    );
    let plan = read(
        &text,
        &[
            ("OTEL_SERVICE_NAME", "theirs"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4317/"),
        ],
    )
    .unwrap();
    assert_eq!(
        (plan.tracing.service_name.as_str(), exported(&plan)),
        ("theirs", Some("http://all:4317"))
    );
    assert_eq!(
        plan.remarks,
        [
            overridden("OTEL_SERVICE_NAME", "tracing.service_name"),
            overridden("OTEL_EXPORTER_OTLP_ENDPOINT", "tracing.export")
        ]
    );
    let both = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4317"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4317"),
    ];
    assert_eq!(
        exported(&read(&text, &both).unwrap()),
        Some("http://traces:4317")
    );
    assert_eq!(
        exported(&read(&text, &[("OTEL_SDK_DISABLED", "TRUE")]).unwrap()),
        None
    );
    let sampler = read(GOOD, &[("OTEL_TRACES_SAMPLER", "always_on")]).unwrap();
    assert_eq!(
        sampler.remarks,
        [Remark::SamplerIgnored {
            variable: "OTEL_TRACES_SAMPLER".to_owned()
        }]
    );
    assert!(
        sampler.remarks[0]
            .to_string()
            .contains("OTEL_TRACES_SAMPLER is ignored")
    );
}

#[test]
fn variables_are_expanded_in_milvus_tracing_and_paths_only() {
    let text = with("http://127.0.0.1:19530", "http://${HOST}:${PORT:-19530}").replacen(
        "name = \"good\"",
        "description = \"${HOST}\"",
        1,
    );
    let plan = read(&text, &[("HOST", "box")]).unwrap();
    assert_eq!(
        (plan.milvus.uri.as_str(), plan.description.as_str()),
        ("http://box:19530", "${HOST}")
    );
    assert!(
        plan.source.contains("http://${HOST}:${PORT:-19530}"),
        "the text is kept as given"
    );
    let missing = read(&text, &[]).unwrap_err();
    assert!(
        missing
            .to_string()
            .contains("`milvus.uri` needs the environment variable HOST, which is not set"),
        "{missing}"
    );
    let open = read(&with("http://127.0.0.1:19530", "http://${HOST"), &[]).unwrap_err();
    assert!(open.to_string().contains("without its `}`"), "{open}");
}

#[test]
fn a_secret_is_found_by_its_name_and_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let credentials = format!(
        "user = \"root\"\npassword = {{ file = {:?} }}\nuri",
        file.display().to_string()
    );
    let user = read(&with("uri", &credentials), &[]).unwrap();
    assert_eq!(
        user.milvus.credentials,
        CredentialsPlan::User {
            name: "root".to_owned(),
            password: Secret::new(SECRET.to_owned())
        }
    );
    let header = "[tracing.spans.headers]\nauthorization = \"Bearer ${TOKEN}\"\n[data.noise]";
    let text = with("[data.noise]", header).replacen("uri", "token = \"${TOKEN}\"\nuri", 1);
    let plan = read(&text, &[("TOKEN", SECRET)]).unwrap();
    assert_eq!(
        plan.milvus.credentials,
        CredentialsPlan::Token(Secret::new(SECRET.to_owned()))
    );
    assert_eq!(
        plan.tracing.headers[0].1.reveal(),
        format!("Bearer {SECRET}")
    );
    for plan in [user, plan] {
        let everything = format!(
            "{plan:?} {} {} {}",
            plan.resolved,
            plan.source,
            plan.expectation()
        );
        assert!(!everything.contains(SECRET));
    }
    let missing = read(&text, &[]).unwrap_err();
    assert!(
        missing
            .to_string()
            .contains("`milvus.token` needs the environment variable TOKEN"),
        "{missing}"
    );
}

#[test]
fn milvus_token_stands_above_the_file() {
    let text = with("uri", "token = \"${TOKEN}\"\nuri");
    let plan = read(&text, &[("TOKEN", "other"), ("MILVUS_TOKEN", SECRET)]).unwrap();
    assert_eq!(
        plan.milvus.credentials,
        CredentialsPlan::Token(Secret::new(SECRET.to_owned()))
    );
    assert_eq!(plan.remarks, [overridden("MILVUS_TOKEN", "milvus.token")]);
    let same = read(
        &with("uri", "token = \"${MILVUS_TOKEN}\"\nuri"),
        &[("MILVUS_TOKEN", SECRET)],
    )
    .unwrap();
    assert!(same.remarks.is_empty());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn secrets_that_are_written_out_are_refused_without_being_repeated() {
    let check = |text: &str, sets: &[&str], variables: &[(&str, &str)], words: &str| {
        let message = plan_with(text, sets, &env(variables), &PlanFlags::default())
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(words) && !message.contains(SECRET) && !message.contains('\n'),
            "{message}"
        );
    };
    check(
        &with("uri", &format!("token = \"{SECRET}\"\nuri")),
        &[],
        &[],
        "`milvus.token` is a secret",
    );
    check(
        &with("uri", &format!("token = \"${{X:-{SECRET}}}\"\nuri")),
        &[],
        &[],
        "`milvus.token` is a secret",
    );
    check(
        &with("uri", &format!("token = \"{SECRET}${{X}}\"\nuri")),
        &[],
        &[],
        "`milvus.token` is a secret",
    );
    check(
        &with(
            "uri",
            &format!("user = \"root\"\npassword = \"{SECRET}\"\nuri"),
        ),
        &[],
        &[],
        "`milvus.password` is a secret",
    );
    check(
        &with("uri", &format!("token = {{ value = \"{SECRET}\" }}\nuri")),
        &[],
        &[],
        "`milvus.token` is a secret",
    );
    check(
        &with(
            "[data.noise]",
            &format!("[tracing.spans]\nheaders = {{ a = \"{SECRET}\" }}\n[data.noise]"),
        ),
        &[],
        &[],
        "`tracing.spans.headers.a` is a secret",
    );
    let key = format!(
        "https://127.0.0.1:19530\"\ntls = {{ cert = \"Cargo.toml\", key = \"-----BEGIN \
         KEY-----{SECRET}\" }} #"
    );
    check(
        &with("http://127.0.0.1:19530", &key),
        &[],
        &[],
        "`milvus.tls.key` is a secret",
    );
    check(
        &with(
            "[data.noise]",
            &format!("[tracing.spans]\nheaders = \"{SECRET}\"\n[data.noise]"),
        ),
        &[],
        &[],
        "`tracing.spans.headers` is not a table",
    );
    check(
        &with("http://127", &format!("http://root:{SECRET}@127")),
        &[],
        &[("MILVUS_URI", "http://fine:1")],
        "`milvus.uri` contains",
    );
    check(
        &with(
            "http://127",
            &format!("${{X:-http://root:{SECRET}@h}}http://127"),
        ),
        &[],
        &[("X", "")],
        "`milvus.uri` has a default",
    );
    check(
        GOOD,
        &[&format!("tracing.spans.endpoint=http://u:{SECRET}@h")],
        &[],
        "`tracing.spans.endpoint` contains a user or password, which must not be part of an \
         address; use `headers` of [tracing.spans]",
    );
    check(
        GOOD,
        &[&format!("tracing.spans.admin=http://u:{SECRET}@h")],
        &[],
        "`tracing.spans.admin` contains",
    );
    check(
        GOOD,
        &[&format!("tracing.export=http://u:{SECRET}@h")],
        &[("OTEL_SDK_DISABLED", "true")],
        "must not be part of an address; use OTEL_EXPORTER_OTLP_HEADERS",
    );
    check(
        GOOD,
        &["milvus.uri=[::1]:19530"],
        &[],
        "no scheme http:// or https:// before its host",
    );
    check(GOOD, &["milvus.uri= "], &[], "which is empty");
    check(
        GOOD,
        &[&format!("milvus.token={SECRET}")],
        &[],
        "--set milvus.token: `milvus.token` is a secret",
    );
    check(
        GOOD,
        &[&format!("milvus={{ token = \"{SECRET}\" }}")],
        &[],
        "--set milvus.token: `milvus.token` is a secret",
    );
    check(
        GOOD,
        &[&format!("milvus.tokn={SECRET}")],
        &[],
        "did you mean `token`",
    );
    check(
        &with("http://127", &format!("http://root:{SECRET}@127")),
        &[],
        &[],
        "`milvus.uri` contains a user or password",
    );
    check(
        &with("http://127", &format!("http://ro ot:{SECRET}@127")),
        &[],
        &[],
        "`milvus.uri`",
    );
    check(
        GOOD,
        &[],
        &[("MILVUS_URI", &format!("http://root:{SECRET}@host:1"))],
        "`MILVUS_URI` contains a user or password",
    );
    check(
        GOOD,
        &[],
        &[("MILVUS_TOKEN", &format!("{SECRET}\n"))],
        "`MILVUS_TOKEN`",
    );
    check(
        &with("uri", "token = \"${T}\"\nuri"),
        &[],
        &[("T", &format!("{SECRET}\u{7}"))],
        "`milvus.token` holds",
    );
    check(
        &with("uri", &format!("token = \"{SECRET}\nuri")),
        &[],
        &[],
        "this is not TOML",
    );
}

#[test]
fn a_link_takes_no_variable() {
    let text = with(
        "[data.noise]",
        "[tracing.spans]\nlink = \"http://grafana/${TOKEN}/{trace_id}\"\n[data.noise]",
    );
    let error = read(&text, &[("TOKEN", SECRET)]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`tracing.spans.link` contains a variable")
            && !error.to_string().contains(SECRET),
        "{error}"
    );
}

/// What becomes of the addresses in `[milvus]` and `[tracing.spans]`, and which ports were taken.
#[track_caller]
fn check_addresses(uri: &str, spans: &str, expected: (&str, Option<&str>), taken: &[u16]) {
    let text = with("http://127.0.0.1:19530", uri).replacen(
        "[data.noise]",
        &format!("[tracing.spans]\n{spans}\n[data.noise]"),
        1,
    );
    let plan = read(&text, &[]).unwrap();
    assert_eq!(
        (plan.milvus.uri.as_str(), plan.tracing.endpoint.as_deref()),
        expected,
        "{uri} {spans}"
    );
    let ports: Vec<u16> = plan
        .remarks
        .iter()
        .map(|remark| {
            if let Remark::PortTaken { port, .. } = remark {
                *port
            } else {
                0
            }
        })
        .collect();
    assert_eq!(ports, taken, "{:?}", plan.remarks);
}

#[test]
fn written_ports_are_kept_and_others_are_said() {
    check_addresses(
        "http://m:80",
        "endpoint = \"http://j:80/jaeger/\"",
        ("http://m:80", Some("http://j:80/jaeger")),
        &[],
    );
    check_addresses(
        "https://m:443",
        "endpoint = \"https://j:443\"",
        ("https://m:443", Some("https://j:443")),
        &[],
    );
    check_addresses(
        "https://m:80",
        "endpoint = \"https://[::1]:80/x\"",
        ("https://m:80", Some("https://[::1]:80/x")),
        &[],
    );
    check_addresses(
        "http://m",
        "endpoint = \"http://[::1]\"",
        ("http://m:19530", Some("http://[::1]:16686")),
        &[19530, 16686],
    );
    check_addresses(
        "https://m/",
        "source = \"jaeger\"\nendpoint = \"https://j/a/b\"",
        ("https://m:443", Some("https://j:443/a/b")),
        &[443, 443],
    );
    check_addresses(
        "http://m:1",
        "source = \"jaeger\"\nendpoint = \"http://j\"",
        ("http://m:1", Some("http://j:16685")),
        &[16685],
    );
    check_addresses(
        "http://m:1",
        "endpoint = \"http://j:9\"\nadmin = \"http://j\"",
        ("http://m:1", Some("http://j:9")),
        &[14269],
    );
}

#[test]
fn a_database_in_the_address_is_answered_with_the_key() {
    let error = read(&with("http://127.0.0.1:19530", "http://m:19530/books"), &[]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("http://m:19530, and the database as database = \"books\" in [milvus]"),
        "{error}"
    );
    let two = read(&with("http://127.0.0.1:19530", "http://m:19530/a/b"), &[]).unwrap_err();
    assert!(
        two.to_string().contains("has a path after its port"),
        "{two}"
    );
}
