//! What a user can get wrong: one clear sentence, exit code 2, before any connection.

#[path = "../support/beyond_schema.rs"]
mod beyond_schema;

use milvus_bench::plan::scenario_schema;

use crate::bench::{Bench, Ended, Trap, scenario};

/// Runs with `arguments` where nobody may connect; the error must hold `words`.
#[track_caller]
fn refused(bench: &Bench, trap: &Trap, arguments: &[&str], words: &[&str]) -> Ended {
    let ended = bench.call(arguments).exits(2);
    assert_eq!(ended.stdout, "");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    ended.error(words);
    assert!(!trap.caught(), "it connected to Milvus");
    assert!(bench.folders().is_empty(), "it made a run folder");
    ended
}

/// A run of the usual scenario with `changes`, and `check` of it.
#[track_caller]
fn check(changes: &[(&str, &str)], words: &[&str]) {
    let trap = Trap::set();
    let text = scenario(&trap.address(), changes);
    let bench = Bench::new(&text);
    let ended = refused(&bench, &trap, &["run", "scenario.toml"], words);
    refused(&bench, &trap, &["check", "scenario.toml"], words);
    assert!(
        fits_the_schema(&text) != Some(true) || beyond_schema::is_beyond_a_schema(&ended.stderr),
        "the schema accepts what this refuses: {}",
        ended.stderr
    );
}

#[test]
fn all_mistakes_are_told_at_once_with_their_number() {
    let trap = Trap::set();
    let bench = Bench::new(&scenario(
        &trap.address(),
        &[
            ("name = \"cli\"", "nmae = \"cli\""),
            ("limit = 5", "limit = 0"),
            ("dim = 8", "dim = \"8\""),
        ],
    ));
    for command in ["check", "run"] {
        let ended = bench.call(&[command, "scenario.toml"]).exits(2);
        let lines: Vec<&str> = ended.stderr.lines().collect();
        assert_eq!(lines.len(), 4, "{}", ended.stderr);
        for (line, words) in lines
            .iter()
            .zip(["`nmae`", ".dim`", ".limit`", "3 errors; nothing"])
        {
            assert!(
                line.starts_with("error: scenario") && line.contains(words),
                "{line}"
            );
        }
    }
    assert!(!trap.caught() && bench.folders().is_empty());
}

#[test]
fn many_mistakes_are_told_in_part() {
    let trap = Trap::set();
    let many: String = (0..80).map(|number| format!("key{number} = 1\n")).collect();
    let bench = Bench::new(&format!("{many}{}", scenario(&trap.address(), &[])));
    let ended = bench.call(&["check", "scenario.toml"]).exits(2);
    assert_eq!(ended.stderr.lines().count(), 51, "{}", ended.stderr);
    let count = "has 80 errors, of which the first 50 are shown";
    assert!(ended.stderr.contains(count), "{}", ended.stderr);
}

/// Whether the JSON Schema accepts a scenario; None where it is no TOML.
fn fits_the_schema(text: &str) -> Option<bool> {
    let table: toml::Table = text.parse().ok()?;
    let json = serde_json::to_value(table).expect("TOML fits into JSON");
    Some(jsonschema::is_valid(&scenario_schema(), &json))
}

#[test]
fn the_scenario_without_mistakes_fits_the_schema() {
    assert_eq!(
        fits_the_schema(&scenario("http://127.0.0.1:19530", &[])),
        Some(true)
    );
}

/// A run of the usual scenario with more arguments.
#[track_caller]
fn check_flags(more: &[&str], words: &[&str]) {
    let trap = Trap::set();
    let bench = Bench::new(&scenario(&trap.address(), &[]));
    bench.write("a-file", b"");
    refused(
        &bench,
        &trap,
        &[&["run", "scenario.toml"], more].concat(),
        words,
    );
}

/// A run with vectors from an fbin file of these bytes.
#[track_caller]
fn check_fbin(bytes: &[u8], words: &[&str]) {
    let trap = Trap::set();
    let random = "format = \"random\"\nrows = 200\ndim = 8\nqueries = 20";
    let bench = Bench::new(&scenario(
        &trap.address(),
        &[(
            random,
            "format = \"fbin\"\nbase = \"base.fbin\"\nqueries = \"base.fbin\"",
        )],
    ));
    bench.write("base.fbin", bytes);
    refused(&bench, &trap, &["run", "scenario.toml"], words);
}

fn header(rows: u32, dim: u32) -> Vec<u8> {
    [rows.to_le_bytes(), dim.to_le_bytes()].concat()
}

#[test]
fn a_missing_file() {
    let trap = Trap::set();
    let bench = Bench::new("");
    refused(
        &bench,
        &trap,
        &["run", "absent.toml"],
        &["absent.toml", "can't be read", "No such file"],
    );
    refused(&bench, &trap, &["check", "absent.toml"], &["absent.toml"]);
    refused(&bench, &trap, &["run", "."], &["can't be read"]);
}

#[test]
fn what_is_not_toml() {
    check(
        &[("name = \"cli\"", "name = = \"cli\"")],
        &["scenario.toml:2:", "not TOML"],
    );
    let trap = Trap::set();
    let bench = Bench::new("");
    bench.write("binary.toml", &[0xff, 0xfe, 0]);
    refused(
        &bench,
        &trap,
        &["run", "binary.toml"],
        &["binary.toml", "UTF-8"],
    );
}

#[test]
fn a_scenario_that_is_too_large() {
    let trap = Trap::set();
    let bench = Bench::new(&scenario(&trap.address(), &[]));
    bench.write("large.toml", &vec![b'#'; 3 << 20]);
    let words = ["is larger than 1 MiB", "give the path of a TOML file"];
    refused(&bench, &trap, &["check", "large.toml"], &words);
    let large = std::fs::File::open(bench.path().join("large.toml")).expect("it is there");
    let mut command = bench.command(&["check", "-"]);
    let ended = Ended::of(command.stdin(large).output().expect("the program starts"));
    ended.exits(2).error(&[&["<stdin>"], &words[..]].concat());
}

#[test]
fn a_key_or_a_heading_that_stands_twice() {
    let one = "[[phases]]\nname = \"alone\"";
    check(
        &[(one, "[phases]\nwarmup = \"1s\"\n[phases]\nname = \"alone\"")],
        &[
            "`phases` stands twice",
            "write [[phases]] in double brackets",
        ],
    );
    let stages = "[workloads.search.stages]\nat = 5\n[workloads.search.stages]\nat = 6\n";
    check(
        &[(one, &format!("{stages}{one}"))],
        &[
            "`workloads.search.stages` stands",
            "write [[workloads.search.stages]]",
        ],
    );
    check(
        &[(one, &format!("[milvus]\nconnections = 1\n{one}"))],
        &[
            "scenario.toml:",
            "`milvus` stands twice",
            "put its keys below one [milvus]",
        ],
    );
    check(
        &[("limit = 5", "limit = 5\nlimit = 6")],
        &["`limit` stands twice", "remove one"],
    );
}

#[test]
fn an_unknown_key() {
    check(
        &[("rate = 50", "rates = 50")],
        &[
            "scenario.toml:",
            "`workloads.search.rates`",
            "did you mean `rate`",
        ],
    );
    check(
        &[("limit = 5", "top_k = 5")],
        &["`workloads.search.top_k`", "`limit`"],
    );
    check(
        &[(
            "[[phases]]",
            "[[thresholds]]\nrequire = \"failed < 1%\"\naborts = {}\n[[phases]]",
        )],
        &["`thresholds.0.aborts`", "did you mean `abort`"],
    );
}

#[test]
fn thresholds_that_no_figure_can_meet() {
    let check = |require: &str, words: &[&str]| {
        check(
            &[(
                "[[phases]]",
                &format!("[[thresholds]]\nrequire = '{require}'\n[[phases]]"),
            )],
            words,
        );
    };
    check(
        "",
        &[
            "`thresholds.0.require` is \"\"",
            "expected a figure (response_time",
        ],
    );
    check(
        "response_time.p99 < 5",
        &["scenario.toml:", "a unit of time (us, ms, s)"],
    );
    check(
        "queue_time.p99 < 5ms",
        &["an open loop has no queue time, use send_lag"],
    );
}

#[test]
fn stages_that_contradict_themselves() {
    let stages = |stages: &str, words: &[&str]| {
        check(
            &[
                ("rate = 50", &format!("stages = [{stages}]")),
                ("duration = \"1s\"\n", ""),
            ],
            words,
        )
    };
    stages(
        "{ at = 0, for = \"1s\" }",
        &["`workloads.search.stages.0.at` is 0, expected a number above 0"],
    );
    stages(
        "{ at = -1, for = \"1s\" }",
        &["`workloads.search.stages.0.at` is -1"],
    );
    stages(
        "{ at = 5, for = \"0s\" }",
        &["`workloads.search.stages.0.for` is 0s"],
    );
    stages(
        "{ at = 5, for = \"1s\" }, { at = 5, for = \"1s\" }",
        &["the name \"5\" to a second stage"],
    );
    stages(
        "{ at = 5, for = \"1s\", name = \"ramp\" }",
        &["\"ramp\"", "another part"],
    );
    stages(
        "{ target = 5, over = \"1s\" }",
        &["`workloads.search.stages.0.target`", "`to`", "`at`"],
    );
    check(
        &[("rate = 50", "stages = [{ at = 5, for = \"1s\" }]")],
        &["`phases.alone.duration` is given, but the stages"],
    );
    check(
        &[(
            "arrivals = \"even\"",
            "arrivals = { burst = 5, every = \"1s\" }",
        )],
        &["`workloads.search.rate` cannot be combined with bursts"],
    );
    check(
        &[("rate = 50", "rate = \"50 rows/s\"")],
        &["rows a second, which only an insert"],
    );
    check(
        &[("rate = 50", "rate = 50\nstart = \"1s\"")],
        &["`search`, whose `start` is 1s"],
    );
}

#[test]
fn an_unknown_operation() {
    check(
        &[("\"search\"", "\"serach\"")],
        &["`workloads.search.operation`", "serach", "search"],
    );
}

#[test]
fn a_collection_to_replace_that_the_scenario_has_not() {
    check_flags(
        &["--replace", "nope"],
        &["--replace nope", "names no collection", "one of: words"],
    );
}

#[test]
fn an_unknown_data_set_format() {
    check(
        &[("\"random\"", "\"lance\"")],
        &["`data.noise.format`", "lance", "fbin"],
    );
}

#[test]
fn an_unknown_data_set() {
    check(
        &[("data = \"noise\"", "data = \"nose\"")],
        &["`collections.words.data`", "nose", "did you mean \"noise\""],
    );
}

#[test]
fn an_unknown_metric() {
    check(
        &[("\"L2\"", "\"L3\"")],
        &["`collections.words.metric`", "L3", "COSINE"],
    );
}

#[test]
fn an_unknown_index() {
    check(
        &[("\"FLAT\"", "\"HSNW\"")],
        &["collections.words.index", "HSNW", "HNSW"],
    );
}

#[test]
fn an_unknown_span_source() {
    check(
        &[("source = \"none\"", "source = \"zipkin\"")],
        &["`tracing.spans.source`", "zipkin", "jaeger"],
    );
}

#[test]
fn a_rate_that_is_not_above_zero() {
    check(
        &[("rate = 50", "rate = 0")],
        &["`workloads.search.rate`", "is 0", "above 0"],
    );
    check(
        &[("rate = 50", "rate = -5")],
        &["`workloads.search.rate`", "is -5", "above 0"],
    );
    check(&[("rate = 50", "rate = nan")], &["`workloads.search.rate`"]);
}

#[test]
fn both_rate_and_concurrency() {
    check(
        &[("rate = 50", "rate = 50\nconcurrency = 2")],
        &["`workloads.search.rate`", "`concurrency`", "use `rate`"],
    );
}

#[test]
fn neither_rate_nor_concurrency() {
    check(
        &[("rate = 50\narrivals = \"even\"", "")],
        &["`workloads.search`", "`rate`", "`concurrency`"],
    );
}

#[test]
fn a_dimension_that_is_not_that_of_the_data() {
    check(
        &[("data = \"noise\"", "data = \"noise\"\ndim = 16")],
        &["`collections.words.dim`", "is 16", "`noise`", "dimension 8"],
    );
}

#[test]
fn an_fbin_file_that_is_cut_off_or_lies() {
    check_fbin(b"", &["`data.noise.base`", "base.fbin is empty (0 bytes)"]);
    check_fbin(&header(1, 8)[..7], &["base.fbin", "7 bytes", "header"]);
    check_fbin(
        &[header(2, 8), vec![0; 32]].concat(),
        &["base.fbin", "40 bytes", "asks for 72", "truncated"],
    );
    check_fbin(
        &[header(1, 8), vec![0; 64]].concat(),
        &["base.fbin", "72 bytes", "asks for 40"],
    );
    check_fbin(
        &header(u32::MAX, u32::MAX),
        &["base.fbin", "dimension 4294967295"],
    );
    check_fbin(&header(0, 8), &["base.fbin", "no vectors"]);
    check_fbin(
        &[header(1, 1), f32::NAN.to_le_bytes().to_vec()].concat(),
        &["base.fbin", "NaN"],
    );
}

#[test]
fn a_sample_ratio_outside_zero_to_one() {
    check(
        &[("sample_ratio = 1.0", "sample_ratio = 1.5")],
        &["`tracing.sample_ratio`", "is 1.5", "0 to 1"],
    );
    check(
        &[("sample_ratio = 1.0", "sample_ratio = -0.1")],
        &["`tracing.sample_ratio`", "is -0.1", "0 to 1"],
    );
    check(
        &[("sample_ratio = 1.0", "sample_ratio = \"all\"")],
        &["`tracing.sample_ratio`", "auto"],
    );
}

#[test]
fn an_address_that_is_none() {
    for uri in [
        "not a uri",
        "localhost:19530",
        "ftp://localhost",
        "http://",
        "http://h:99999",
        "http://h:1/path",
    ] {
        let bench = Bench::new(&scenario(uri, &[]));
        refused(
            &bench,
            &Trap::set(),
            &["run", "scenario.toml"],
            &["`milvus.uri`", "http"],
        );
    }
    check_flags(&["--uri", "nowhere"], &["`--uri`", "nowhere", "http://"]);
    check(
        &[("export = \"off\"", "export = \"4317\"")],
        &["`tracing.export`", "4317"],
    );
}

#[test]
fn a_name_that_no_folder_may_have() {
    check(
        &[("name = \"cli\"", "name = \"../cli\"")],
        &["`name`", "../cli", "letters, digits"],
    );
    check(
        &[("name = \"cli\"", "name = \"\"")],
        &["`name`", "letters, digits"],
    );
    check(
        &[("name = \"alone\"", "name = \"a/b\"")],
        &["a/b", "letters, digits"],
    );
}

#[test]
fn a_phase_without_its_workload() {
    check(
        &[("workloads = [\"search\"]", "workloads = [\"serch\"]")],
        &["phases.alone", "serch", "did you mean \"search\""],
    );
    check(
        &[("workloads = [\"search\"]", "workloads = []")],
        &["phases.alone"],
    );
}

#[test]
fn a_results_folder_that_can_not_be_written() {
    check_flags(
        &["--results", "a-file"],
        &["a-file", "can't be made", "--results"],
    );
    check_flags(&["--out", "a-file"], &["a-file", "can't be made", "--out"]);
    check_flags(&["--out", "."], &["not empty", "--out"]);
}

#[test]
fn a_report_format_that_is_not_there() {
    check_flags(&["--report", "pdf"], &["pdf", "text", "json"]);
}

#[test]
fn a_setting_that_does_not_fit() {
    check_flags(&["--set", "seed"], &["--set", "seed"]);
    check_flags(&["--set", "workloads.serch.rate=1"], &["serch"]);
    check_flags(
        &["--set", "workloads.search.rate=-1"],
        &["`workloads.search.rate`", "is -1"],
    );
    check_flags(
        &["--set", "workloads.search.rte=1"],
        &["rte", "did you mean `rate`"],
    );
    check_flags(&["--set", "=1"], &["--set"]);
}

#[test]
fn several_runs_into_one_folder() {
    check_flags(
        &["--repeat", "2", "--out", "there"],
        &["--out", "--repeat", "--results"],
    );
}

#[test]
fn writing_where_only_reading_is_allowed() {
    check(
        &[("connections = 1", "connections = 1\naccess = \"read\"")],
        &["`collections.words.prepare`", "access = \"read\"", "reuse"],
    );
}

#[test]
fn a_run_that_is_not_there() {
    let bench = Bench::new("");
    for command in ["report", "trace", "spans"] {
        bench
            .call(&[command])
            .exits(2)
            .error(&["no run in results"]);
        bench.call(&[command, "nowhere"]).exits(2);
    }
    bench
        .call(&["report", "nowhere"])
        .exits(2)
        .error(&["nowhere", "run.json"]);
}

#[test]
fn a_folder_that_is_no_run() {
    let bench = Bench::new("");
    for (text, words) in [
        ("", "run.json"),
        ("[]", "run.json"),
        ("{\"format\": 99}", "format 99"),
    ] {
        bench.write("run.json", text.as_bytes());
        for command in ["report", "trace", "spans"] {
            bench.call(&[command, "."]).exits(2).error(&[words]);
        }
    }
}

/// A port that was taken for one that was not given is no doubt, and is said once.
#[test]
fn a_note_on_the_scenario_is_told_once_and_as_no_warning() {
    let bench = Bench::new(&scenario("http://127.0.0.1", &[]));
    let stderr = bench.call(&["check", "scenario.toml"]).exits(0).stderr;
    assert_eq!(stderr.matches("names no port").count(), 1, "{stderr}");
    assert!(!stderr.contains("warning"), "{stderr}");
}
