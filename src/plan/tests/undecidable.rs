//! Thresholds that can never catch are refused, and those that may are not.

use super::*;

/// The good scenario with a threshold and some lines in the place of others.
fn scenario(table: &str, changes: &[(&str, &str)]) -> String {
    let text = with("[milvus]", &format!("[[thresholds]]\n{table}\n[milvus]"));
    changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not in the scenario");
        text.replacen(from, to, 1)
    })
}

fn refused(table: &str, changes: &[(&str, &str)], words: &[&str]) {
    let message = plan(&scenario(table, changes))
        .expect_err(table)
        .to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

fn allowed(table: &str, changes: &[(&str, &str)]) {
    if let Err(message) = plan(&scenario(table, changes)) {
        panic!("{table}: {message}");
    }
}

fn required(require: &str, changes: &[(&str, &str)], words: &[&str]) {
    refused(&format!("require = '{require}'"), changes, words);
}

/// The quickstart's files, whose truth has 100 neighbours of each query, with all rows in and no
/// insert.
fn with_truth() -> [(&'static str, &'static str); 4] {
    static DATA: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let quick = scenarios()
            .join("data/glove-100-quick")
            .display()
            .to_string();
        format!(
            "format = \"fbin\"\nbase = \"{quick}/base.fbin\"\nqueries = \
             \"{quick}/query.fbin\"\ntruth = \"{quick}/truth-cosine.ibin\""
        )
    });
    [
        (
            "format = \"random\"\nrows = 1_000\ndim = 8\nqueries = 10",
            &DATA,
        ),
        ("initial_rows = \"80%\"", ""),
        ("batch = 20", "batch = 20\non_end = \"repeat\""),
        ("[\"search\", \"ingest\"]", "[\"ingest\"]"),
    ]
}

#[test]
fn recall_that_is_never_known() {
    let recall = "recall.mean > 90%";
    required(
        recall,
        &[],
        &[
            "`thresholds.0.require`",
            "workload `search` has no recall: its data set has no `truth`",
            "never be decided",
        ],
    );
    allowed(&format!("require = '{recall}'"), &with_truth());
    let changed = |from, to, words: &[&str]| {
        required(recall, &[&with_truth()[..], &[(from, to)]].concat(), words)
    };
    changed(
        "params = { ef = 64 }",
        "limit = 101",
        &["its limit is 101", "has 100 neighbours"],
    );
    changed(
        "params = { ef = 64 }",
        "filter = \"rank < 5\"",
        &["it has `filter`"],
    );
    changed(
        "data = \"noise\"",
        "data = \"noise\"\ninitial_rows = 9_999",
        &["inserts 9,999 rows, but the truth of its data set is for 10,000"],
    );
    changed(
        "[\"ingest\"]",
        "[\"ingest\", \"search\"]",
        &["workload `ingest` writes", "in phase `under-ingest`"],
    );
    changed(
        "[milvus]",
        "[tracing]\nsample_ratio = 0\n[milvus]",
        &["none is traced", "`tracing.sample_ratio` is 0"],
    );
    changed(
        "[milvus]",
        "[tracing]\nsample_ratio = 0.0001\n[milvus]",
        &["about 0.20 requests are"],
    );
    let ingest = format!("require = '{recall}'\nworkload = \"ingest\"");
    refused(&ingest, &with_truth(), &["only a search has a recall"]);
}

#[test]
fn one_workload_that_may_miss_it_is_enough() {
    let another = (
        "[workloads.ingest]",
        "[workloads.filtered]\noperation = \"search\"\nrate = 5\nfilter = \"rank < \
         5\"\n[workloads.ingest]",
    );
    let phase = (
        "workloads = [\"search\"]",
        "workloads = [\"search\", \"filtered\"]",
    );
    allowed(
        "require = 'recall.mean > 90%'",
        &[&with_truth()[..], &[another, phase]].concat(),
    );
    refused(
        "require = 'recall.mean > 90%'\nworkload = \"filtered\"",
        &[&with_truth()[..], &[another, phase]].concat(),
        &["it has `filter`"],
    );
    // Of two phases one is long enough.
    allowed(
        "require = 'response_time.p99.worst(\"20s\") < 1s'",
        &[("duration = \"10s\"", "duration = \"30s\"")],
    );
}

#[test]
fn windows_that_are_longer_than_what_is_measured() {
    let worst = "response_time.p99.worst(\"10s\") < 1s";
    allowed(&format!("require = '{worst}'"), &[]);
    let short = [
        ("duration = \"10s\"", "duration = \"4s\""),
        ("duration = \"10s\"", "duration = \"4s\""),
    ];
    required(
        worst,
        &short,
        &[
            "its windows are 10s long",
            "workload `search` is measured for 4s at a time in phase `alone`",
        ],
    );
    let stages = [
        (
            "rate = 200",
            "stages = [{ at = 20, for = \"6s\" }, { at = 40, for = \"9s\" }]",
        ),
        ("duration = \"10s\"", ""),
        ("duration = \"10s\"", "duration = \"15s\""),
    ];
    required(worst, &stages, &["measured for 9s at a time"]);
    // An open loop is over when its requests are.
    let requests = [
        ("rate = 200", "rate = 200\narrivals = \"even\""),
        ("duration = \"10s\"", "requests = 400"),
    ];
    refused(
        &format!("require = '{worst}'\nphase = \"alone\""),
        &requests,
        &["measured for 2s at a time"],
    );
    allowed(
        &format!(
            "require = '{}'\nphase = \"alone\"",
            worst.replace("10s", "2s")
        ),
        &requests,
    );
    // How long callers take for theirs is Milvus' matter.
    allowed(
        "require = 'service_time.p99.worst(\"10s\") < 1s'\nworkload = \"ingest\"",
        &[
            ("duration = \"10s\"", "requests = 400"),
            ("duration = \"10s\"", "requests = 4"),
        ],
    );
    let late = [("rate = 200", "rate = 200\nstart = \"3s\"")];
    required(worst, &late, &["measured for 7s at a time"]);
}

/// A workload is measured no longer than its rows last, whatever the phase does: 200 of them, 20 in
/// a request.
#[test]
fn windows_that_are_longer_than_the_rows_last() {
    let worst = "response_time.p99.worst(\"10s\") < 1s";
    let of_ingest = format!("require = '{worst}'\nworkload = \"ingest\"");
    let rows = ("concurrency = 1", "rate = 5\narrivals = \"even\"");
    let long = [
        ("duration = \"10s\"", "duration = \"30s\""),
        ("duration = \"10s\"", "duration = \"30s\""),
    ];
    refused(
        &of_ingest,
        &[&long[..], &[rows]].concat(),
        &["workload `ingest` is measured for 2s at a time"],
    );
    let abort = "require = 'failed < 1%'\nworkload = \"ingest\"\nabort = { over = \"5s\" }";
    refused(
        abort,
        &[&long[..], &[rows]].concat(),
        &["`thresholds.0.abort` can never end the run"],
    );
    allowed(
        &of_ingest,
        &[
            &long[..],
            &[rows, ("batch = 20", "batch = 20\non_end = \"repeat\"")],
        ]
        .concat(),
    );
}

#[test]
fn figures_of_spans_where_nothing_is_traced() {
    let off = [("[milvus]", "[tracing]\nsample_ratio = 0\n[milvus]")];
    for require in [
        "gap.p99 < 1ms",
        "server_time.p50 < 1ms",
        "join.matched > 95%",
        "area(\"engine\").p99 < 1ms",
        "part(\"x\").p99 < 1ms",
    ] {
        allowed(&format!("require = '{require}'"), &[]);
        required(
            require,
            &off,
            &["known for traced requests only, and none is traced"],
        );
    }
    allowed("require = 'failed < 1%'", &off);
}

#[test]
fn areas_that_no_such_request_has() {
    let ingest = |require: &str| format!("workload = \"ingest\"\nrequire = '{require}'");
    refused(
        &ingest("area(\"send lag\").p99 < 1ms"),
        &[],
        &["a closed loop has no send lag"],
    );
    refused(
        &ingest("area(\"engine\").p99 < 1ms"),
        &[],
        &["an insert has no such area"],
    );
    allowed(&ingest("area(\"log append\").p99 < 1ms"), &[]);
    required(
        "area(\"queue\").p99 < 1ms",
        &[],
        &["not part of its latency breakdown"],
    );
    refused(
        "workload = \"search\"\nrequire = 'area(\"log append\").p99 < 1ms'",
        &[],
        &["only reads has no such area"],
    );
    // Some workload has it.
    allowed("require = 'area(\"log append\").p99 < 1ms'", &[]);
    allowed("require = 'area(\"retries\").p99 < 1ms'", &[]);
}

#[test]
fn phases_that_have_nothing_to_compare_with() {
    let of = |workload: &str, phase: &str, other: &str| {
        format!(
            "workload = \"{workload}\"\nphase = \"{phase}\"\nrequire = 'service_time.p99 < 1.5 * \
             phase(\"{other}\").service_time.p99'"
        )
    };
    allowed(&of("search", "under-ingest", "alone"), &[]);
    refused(
        &of("ingest", "under-ingest", "alone"),
        &[],
        &["phase `alone` does not run workload `ingest`"],
    );
    refused(
        &of("search", "alone", "alone"),
        &[],
        &["in phase `alone` it is compared with itself"],
    );
    allowed(
        "require = 'service_time.p99 < 3 * phase(\"alone\").service_time.p50'\nphase = \"alone\"",
        &[],
    );
    // The other phase is too short for the window.
    let short = [("duration = \"10s\"", "duration = \"4s\"")];
    let worst = "workload = \"search\"\nphase = \"under-ingest\"\nrequire = 'service_time.p99 < 2 \
                 * phase(\"alone\").service_time.p99.worst(\"5s\")'";
    refused(worst, &short, &["its windows are 5s long"]);
}

#[test]
fn limits_that_every_run_keeps() {
    for require in [
        "failed <= 100%",
        "not_sent <= 1",
        "join.matched >= 0",
        "throughput >= 0/s",
        "response_time.p99 >= 0us",
    ] {
        required(require, &[], &["can never fail", "a stricter limit"]);
    }
    for require in [
        "failed < 0%",
        "response_time.p99 < 0us",
        "throughput < 0/s",
        "empty > 100%",
        "join.matched > 1",
    ] {
        required(require, &[], &["can never pass", "a looser limit"]);
    }
    for require in [
        "failed <= 99%",
        "failed < 100%",
        "not_sent <= 0",
        "throughput > 0/s",
        "achieved_rate <= 100%",
        "gap.p50 >= 0us",
    ] {
        allowed(&format!("require = '{require}'"), &[]);
    }
}

#[test]
fn a_closed_loop_sends_all_that_is_due() {
    let of = |workload: &str| format!("workload = \"{workload}\"\nrequire = 'not_sent < 1%'");
    refused(
        &of("ingest"),
        &[],
        &["a closed loop sends every due request, use failed"],
    );
    allowed(&of("search"), &[]);
    allowed("require = 'not_sent < 1%'", &[]);
}

#[test]
fn rows_that_no_reply_exceeds() {
    let search = |require: &str| format!("workload = \"search\"\nrequire = '{require}'");
    refused(
        &search("rows.mean <= 10 rows"),
        &[],
        &["no reply of workload `search` holds more than 10 rows, so the threshold can never fail"],
    );
    for require in [
        "rows.mean > 10",
        "rows.mean >= 10.5 rows",
        "rows.mean >= 21",
    ] {
        refused(
            &search(require),
            &[],
            &["no reply of workload `search` holds more than 10 rows, so it can never pass"],
        );
        // The other workloads have none.
        required(require, &[], &["so it can never pass"]);
    }
    // Of two workloads one that can't is enough, and one that always does is not.
    let more = (
        "[workloads.ingest]",
        "[workloads.more]\noperation = \"search\"\nrate = 5\nlimit = 20\n[workloads.ingest]",
    );
    let both = [
        more,
        (
            "workloads = [\"search\"]",
            "workloads = [\"search\", \"more\"]",
        ),
    ];
    required(
        "rows.mean > 15",
        &both,
        &["no reply of workload `search` holds more than 10 rows, so it can never pass"],
    );
    allowed("require = 'rows.mean > 15'\nworkload = \"more\"", &both);
    allowed("require = 'rows.mean < 15'", &both);
    refused(
        &search("rows.mean < 31"),
        &[("params = { ef = 64 }", "nq = 3")],
        &["more than 30 rows"],
    );
    allowed(&search("rows.mean < 10"), &[]);
    allowed(&search("rows.mean >= 10"), &[]);
    let counts = (
        "operation = \"search\"\nrate",
        "operation = \"query\"\noutput_fields = [\"count(*)\"]\nrate",
    );
    refused(
        &search("empty < 1%"),
        &[counts, ("params = { ef = 64 }", "")],
        &["a reply to count(*) always holds a row"],
    );
    refused(
        "workload = \"ingest\"\nrequire = 'empty < 1%'",
        &[],
        &["only the replies of a search or a query hold rows"],
    );
}

#[test]
fn rows_that_are_used_up_before() {
    let both = [
        (
            "workloads = [\"search\"]",
            "workloads = [\"search\", \"ingest\"]",
        ),
        ("concurrency = 1", "rate = 100\narrivals = \"even\""),
    ];
    let table = "workload = \"ingest\"\nphase = \"under-ingest\"\nrequire = 'failed < 1%'";
    refused(
        table,
        &both,
        &["the rows of workload `ingest` are used up before phase `under-ingest` begins"],
    );
    allowed(table, &[]);
}

#[test]
fn windows_that_end_the_run_fit_into_a_stage() {
    let stages = [
        (
            "rate = 200",
            "stages = [{ at = 20, for = \"6s\" }, { at = 40, for = \"5s\" }]",
        ),
        ("duration = \"10s\"", ""),
        ("duration = \"10s\"", "duration = \"11s\""),
    ];
    let abort = |over: &str| {
        format!("workload = \"search\"\nrequire = 'failed < 1%'\nabort = {{ over = \"{over}\" }}")
    };
    refused(
        &abort("4s"),
        &stages,
        &[
            "`thresholds.0.abort` can never end the run",
            "is 7 s",
            "any of its stages",
        ],
    );
    allowed(&abort("3s"), &stages);
}

#[test]
fn operations_name_areas_that_there_are() {
    let known: Vec<&str> = crate::analysis::Area::ALL
        .iter()
        .map(|area| area.name())
        .collect();
    for entry in crate::operation::OPERATIONS {
        for area in entry.never_in {
            assert!(known.contains(area), "{}: {area:?}", entry.name);
        }
    }
}
