//! Secrets reach Milvus and nothing else: not the folder, not the terminal, not an error.

use base64::{Engine, prelude::BASE64_STANDARD};
use milvus_bench::{
    milvus::methods,
    null_milvus::{Failure, FakeMilvus},
};

use crate::{
    bench::{Bench, scenario},
    source::WebServer,
};

const PASSWORD: &str = "s3cr3t-Pa55word-9f";

/// The secret in the forms that it could be shown in.
fn forms() -> Vec<String> {
    let whole = format!("root:{PASSWORD}");
    vec![
        PASSWORD.to_owned(),
        BASE64_STANDARD.encode(PASSWORD),
        BASE64_STANDARD.encode(whole),
    ]
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// Runs with `key` in `[milvus]` against a server that quotes the secret in all of its forms.
#[track_caller]
fn check(key: &str) {
    let fake = FakeMilvus::start();
    fake.require_token(&format!("root:{PASSWORD}"));
    let quoting = format!("refused {}", forms().join(" and "));
    fake.fail(&methods::SEARCH, 1..=5, Failure::milvus(1100, 5, &quoting));
    fake.fail(
        &methods::SEARCH,
        6..=10,
        Failure::grpc(tonic::Code::Internal, &quoting),
    );
    fake.fail(
        &methods::DROP_COLLECTION,
        ..,
        Failure::milvus(65535, 1, &quoting),
    );
    let bench = Bench::at(
        &fake,
        &[("connections = 1", &format!("connections = 1\n{key}"))],
    );
    bench.write("password.txt", format!("{PASSWORD}\n").as_bytes());
    for arguments in [
        &["run", "scenario.toml", "--accept-invalid"][..],
        &["check", "scenario.toml", "--resolved"],
        &["report"],
    ] {
        let mut command = bench.command(arguments);
        command
            .env("TEST_TOKEN", format!("root:{PASSWORD}"))
            .env("TEST_PASSWORD", PASSWORD);
        let output = command.output().expect("it starts");
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        for form in forms() {
            assert!(
                !holds(&output.stdout, &form) && !holds(&output.stderr, &form),
                "{arguments:?} shows {form}"
            );
        }
    }
    let folder = bench.only_folder();
    folder.check();
    assert!(
        folder.text("run.json").contains("refused"),
        "the server's words are kept"
    );
    for form in forms() {
        assert!(!holds(&folder.bytes(), &form), "the folder holds {form}");
    }
}

#[test]
fn a_token_from_the_environment() {
    check("token = \"${TEST_TOKEN}\"");
}

#[test]
fn a_password_from_the_environment() {
    check("user = \"root\"\npassword = \"${TEST_PASSWORD}\"");
}

#[test]
fn a_password_from_a_file() {
    check("user = \"root\"\npassword = { file = \"password.txt\" }");
}

/// Arguments or a key with a secret written out: refused without showing it.
#[track_caller]
fn check_literal(key: &str, more: &[&str]) {
    let bench = Bench::new(&scenario(
        "http://127.0.0.1:1",
        &[("connections = 1", &format!("connections = 1\n{key}"))],
    ));
    let ended = bench
        .call(&[&["run", "scenario.toml"], more].concat())
        .exits(2);
    ended.error(&[]);
    assert!(!ended.stderr.contains(PASSWORD), "{}", ended.stderr);
    assert!(bench.folders().is_empty());
}

#[test]
fn a_secret_that_is_written_out_is_refused() {
    check_literal(&format!("token = \"{PASSWORD}\""), &[]);
    check_literal(&format!("user = \"root\"\npassword = \"{PASSWORD}\""), &[]);
    check_literal(&format!("token = {{ text = \"{PASSWORD}\" }}"), &[]);
    check_literal("", &["--set", &format!("milvus.token={PASSWORD}")]);
    check_literal("", &["--set", &format!("milvus.token=\"{PASSWORD}\"")]);
    check_literal(
        "",
        &["--set", &format!("milvus={{ token = \"{PASSWORD}\" }}")],
    );
    check_literal(
        "",
        &["--uri", &format!("http://root:{PASSWORD}@127.0.0.1:1")],
    );
    check_literal(
        "",
        &[
            "--set",
            &format!("milvus.uri=http://root:{PASSWORD}@127.0.0.1:1"),
        ],
    );
    check_literal(
        "",
        &[
            "--set",
            &format!("tracing.spans.headers.authorization={PASSWORD}"),
        ],
    );
    check_literal(
        "",
        &[
            "--set",
            &format!("tracing.spans.endpoint=http://root:{PASSWORD}@127.0.0.1:1"),
        ],
    );
}

#[test]
fn a_header_that_the_span_source_quotes() {
    let fake = FakeMilvus::start();
    let server = WebServer::echo();
    let endpoint = format!(
        "source = \"jaeger-json\"\nendpoint = \"{}\"\nheaders = {{ authorization = \"Bearer \
         ${{TEST_PASSWORD}}\" }}",
        server.url()
    );
    let bench = Bench::at(&fake, &[("source = \"none\"", &endpoint)]);
    let output = bench
        .command(&["run", "scenario.toml", "--accept-invalid"])
        .env("TEST_PASSWORD", PASSWORD)
        .output()
        .expect("it starts");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(server.seen().contains(PASSWORD), "the header was sent");
    assert!(
        !holds(&output.stdout, PASSWORD) && !holds(&output.stderr, PASSWORD),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!holds(&bench.only_folder().bytes(), PASSWORD));
}

/// An error in plain text that quotes the request: shown by `run`, `doctor` and `spans` with the
/// secret masked.
#[test]
fn a_header_that_the_span_source_quotes_in_a_text() {
    let fake = FakeMilvus::start();
    let server = WebServer::quote();
    let source = |name: &str| {
        format!(
            "source = \"{name}\"\nendpoint = \"{}\"\nheaders = {{ authorization = \"Bearer \
             ${{TEST_PASSWORD}}\" }}",
            server.url()
        )
    };
    let bench = Bench::at(&fake, &[("source = \"none\"", &source("jaeger-json"))]);
    let header = ["--header-env", "authorization=TEST_PASSWORD"];
    let again = [
        "spans",
        "--source",
        "jaeger-json",
        "--endpoint",
        &server.url(),
        header[0],
        header[1],
        "--deadline",
        "1",
    ];
    let doctor = ["doctor", "scenario.toml", "--deadline", "1"];
    for (arguments, code) in [
        (&["run", "scenario.toml", "--accept-invalid"][..], 0),
        (&["report"], 0),
        (&again, 2),
        (&doctor, 1),
    ] {
        let output = bench
            .command(arguments)
            .env("TEST_PASSWORD", PASSWORD)
            .output()
            .expect("it starts");
        let texts = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {texts:?}");
        assert!(
            texts.iter().any(|text| text.contains("***")),
            "{arguments:?} shows the server's words: {texts:?}"
        );
        for form in forms() {
            assert!(
                texts.iter().all(|text| !text.contains(&form)),
                "{arguments:?} shows {form}: {texts:?}"
            );
        }
    }
    assert!(server.seen().contains(PASSWORD), "the header was sent");
    for form in forms() {
        assert!(
            !holds(&bench.only_folder().bytes(), &form),
            "the folder holds {form}"
        );
    }
}
