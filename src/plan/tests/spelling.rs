//! Tables, durations, numbers and rates as other formats have them: what to write is said.

use super::*;

/// The good scenario with `from` replaced has one mistake, whose message has the words.
#[track_caller]
fn check(from: &str, to: &str, words: &[&str]) {
    let mistakes = plan(&GOOD.replace(from, to)).expect_err(to);
    let message = mistakes.to_string();
    assert_eq!(mistakes.iter().len(), 1, "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

#[test]
fn a_list_written_as_one_table() {
    let one_phase = GOOD.split("[[phases]]").take(2).collect::<Vec<_>>();
    let one = format!("{}[phases]{}", one_phase[0], one_phase[1]);
    let message = plan(&one).unwrap_err().to_string();
    assert!(
        message.contains("`phases` is one table, expected a list of tables: write [[phases]] in")
            && !message.contains('\n'),
        "{message}"
    );
    // What is wrong within it is told as well.
    let both = plan(&one.replace("\"10s\"", "10")).unwrap_err();
    assert_eq!(both.iter().len(), 2, "{both}");
    let named = GOOD
        .replacen("[[phases]]\nname = \"alone\"", "[phases.alone]", 1)
        .replacen(
            "[[phases]]\nname = \"under-ingest\"",
            "[phases.under-ingest]",
            1,
        );
    let message = plan(&named).unwrap_err().to_string();
    assert!(
        message.contains("write [[phases]] in double brackets, with name = \"alone\" below it")
            && !message.contains('\n'),
        "{message}"
    );
    let thresholds = format!("{GOOD}\n[thresholds]\nrequire = \"failed < 1%\"");
    let message = plan(&thresholds).unwrap_err().to_string();
    assert!(
        message.contains("write [[thresholds]] in double"),
        "{message}"
    );
    let mistakes = plan(&with("rate = 200", "stages = { at = 5, for = \"1s\" }")).unwrap_err();
    let message = mistakes.iter().next().unwrap().to_string();
    assert!(
        message.contains("`workloads.search.stages` is one table")
            && message.contains("write stages = [{ ... }]"),
        "{message}"
    );
}

#[test]
fn a_table_written_as_a_list() {
    check(
        "[milvus]",
        "[[milvus]]",
        &[
            "`milvus` is a list of tables",
            "write [milvus] in single brackets",
        ],
    );
    check(
        "[collections.words]",
        "[[collections]]\nname = \"words\"",
        &[
            "`collections` is a list",
            "write [collections.words] in single",
        ],
    );
    check(
        "[collections.words]",
        "[[collections.words]]",
        &[
            "`collections.words` is a list of tables",
            "write [collections.words] in single",
        ],
    );
    check(
        "[data.noise]",
        "[[data]]\nname = \"noise\"",
        &["write [data.noise] in single"],
    );
    check(
        "[[phases]]\nname = \"alone\"",
        "[[tracing.spans]]\nsource = \"none\"\n[[phases]]\nname = \"alone\"",
        &["write [tracing.spans] in single"],
    );
}

#[test]
fn named_tables_without_a_name() {
    check(
        "[collections.words]",
        "[collections]",
        &[
            "`collections.data`",
            "write [collections.<name>] above `data`",
        ],
    );
    check("[data.noise]", "[data]", &["write [data.<name>] above `"]);
}

#[test]
fn durations_of_other_tools() {
    let warmup = |text: &str, words: &[&str]| {
        check("warmup = \"2s\"", &format!("warmup = {text}"), words);
    };
    warmup(
        "\"5M\"",
        &["is \"5M\"; write warmup = \"5m\"", "M would be months"],
    );
    warmup(
        "\"1H\"",
        &["write warmup = \"1h\": units are in lower case"],
    );
    warmup("\"10S\"", &["write warmup = \"10s\""]);
    warmup("\"500 MS\"", &["write warmup = \"500ms\""]);
    warmup("\"1h30\"", &["write warmup = \"1h 30m\""]);
    warmup("\"1.5 S\"", &["write warmup = \"1s 500ms\""]);
    warmup("\"PT5M\"", &["write warmup = \"5m\""]);
    warmup("\"1:30\"", &["write warmup = \"1m 30s\""]);
    warmup("\"30\"", &["write warmup = \"30s\""]);
    warmup("30", &["e.g. warmup = \"30s\""]);
    warmup("\"-5s\"", &["non-negative"]);
    warmup("\"soon\"", &["which is not a duration"]);
    plan(&with("warmup = \"2s\"", "warmup = \"5 minutes\"")).unwrap();
}

#[test]
fn numbers_of_other_formats() {
    check(
        "dim = 8",
        "dim = \"8\"",
        &["a whole number; write dim = 8 without quotes"],
    );
    check(
        "rows = 1_000",
        "rows = \"1k\"",
        &["write rows = 1_000 without quotes"],
    );
    check(
        "rows = 1_000",
        "rows = \"1,000\"",
        &["write rows = 1_000 without quotes"],
    );
    check("rows = 1_000", "rows = 1e3", &["write rows = 1_000"]);
    check(
        "rows = 1_000",
        "rows = \"64mb\"",
        &["is \"64mb\", expected a whole number"],
    );
    check(
        "rate = 200",
        "rate = \"200 rps\"",
        &["write requests per second", "rate = 200"],
    );
    check("rate = 200", "rate = \"600/min\"", &["rate = 10"]);
    check(
        "rate = 200",
        "concurrency = \"8\"",
        &["write concurrency = 8 without quotes"],
    );
    check(
        "name = \"good\"",
        "name = \"good\"\ntracing = { sample_ratio = \"10%\" }",
        &["write 0.1"],
    );
    check(
        "data = \"noise\"",
        "data = \"noise\"\nkeep = \"yes\"",
        &["write keep = true without quotes"],
    );
}
