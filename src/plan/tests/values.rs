//! `values` and `split` of a workload, as the plan reads them.

use super::*;

const FILTER: &str = "rate = 200\nfilter = \"rank < {n}\"\n";

/// The good scenario whose searches have these lines.
fn text(lines: &str) -> String {
    with("rate = 200\n", &format!("{FILTER}{lines}\n"))
}

#[track_caller]
fn refused(text: &str, words: &[&str]) {
    let message = plan(text).expect_err("refused").to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

#[test]
fn values_and_classes_are_those_of_the_operation() {
    let lines = "values = { n = { zipf = 1, of = 50 } }\nsplit = { by = \"n\", ranks = [1, 10] }";
    let plan = plan(&text(lines)).unwrap();
    let drawing = plan.workloads[0].operation.drawing().expect("a drawing");
    assert_eq!(drawing.names().into_iter().collect::<Vec<_>>(), ["n"]);
    assert_eq!(
        drawing.split().expect("classes").classes,
        ["1", "2-10", "11+"]
    );
    assert!(plan.workloads[1].operation.drawing().is_none());
    assert_eq!(
        plan.resolved["workloads"]["search"]["values"]["n"]["of"],
        50
    );
}

#[test]
fn mistakes_stand_at_their_key() {
    let n = "values = { n = { uniform = [0, 9] } }";
    refused(
        &text("values = { m = { uniform = [0, 9] } }"),
        &[
            "`workloads.search.filter` holds {n}, which is not a name of `values`",
            "it has: m",
        ],
    );
    refused(
        &text("values = { nm = { uniform = [0, 9] } }"),
        &["did you mean {nm}?"].map(|word| word.trim_end_matches('?')),
    );
    refused(
        &text("values = { n = { uniform = [0, 9] }, m = { uniform = [0, 9] } }"),
        &["`workloads.search.values.m` is drawn and in no request: write {m} in `filter`"],
    );
    refused(
        &text("values = { n = { unifrom = [0, 9] } }"),
        &["`workloads.search.values.n.unifrom` is not a key, did you mean `uniform`"],
    );
    refused(
        &text("values = { n = { uniform = [9, 0] } }"),
        &["`workloads.search.values.n.uniform` is [9, 0], expected [lowest, highest]"],
    );
    refused(
        &text("values = { n = { zipf = 1, of = 0 } }"),
        &["`workloads.search.values.n.of` is 0, expected a whole number from 1"],
    );
    refused(
        &text(&format!("{n}\nsplit = {{ by = \"m\" }}")),
        &["`workloads.search.split.by` is \"m\", which is not a name of `values`"],
    );
    refused(
        &text("split = { by = \"n\" }"),
        &[
            "`workloads.search.split.by` is \"n\"",
            "the workload has none",
        ],
    );
}

#[test]
fn values_of_a_mix_are_for_all_of_its_parts() {
    let mix = "[workloads.churn]\noperation = \"mix\"\nrate = 100\nparts = { search = 60, insert = \
               40 }\nvalues = { rank = { zipf = 1, of = 50 } }\nsearch = { filter = \"rank == \
               {rank}\" }\ninsert = { batch = 5, on_end = \"repeat\" }\nsplit = { by = \"rank\", \
               ranks = [1] }\n\n[[phases]]";
    let text = with("[[phases]]", mix)
        .replace(
            "[workloads.ingest]\noperation = \"insert\"\nbatch = 20\nconcurrency = 1\n",
            "",
        )
        .replace("[\"search\", \"ingest\"]", "[\"search\", \"churn\"]");
    let planned = plan(&text).unwrap_or_else(|error| panic!("{error}"));
    for row in &planned.workloads[1..] {
        let drawing = row.operation.drawing().expect("a drawing");
        assert_eq!(
            drawing.split().expect("classes").classes,
            ["1", "2+"],
            "{}",
            row.name
        );
    }
    // The part that can't hold a value is told at the value.
    let wrong = text.replace("{ zipf = 1, of = 50 }", "{ choice = [\"a\"] }");
    let wrong = wrong.replace("ranks = [1]", "classes = [\"a\"]");
    refused(&wrong, &["`workloads.churn.values.rank` gives \"a\""]);
}

#[test]
fn a_threshold_may_name_a_class() {
    let with_threshold = |lines: &str| {
        let values = "values = { n = { zipf = 1, of = 50 } }\nsplit = { by = \"n\", ranks = [1] }";
        text(values).replacen(
            "[[phases]]",
            &format!("[[thresholds]]\n{lines}\n[[phases]]"),
            1,
        )
    };
    let of = |class: &str, require: &str| {
        with_threshold(&format!("workload = \"{class}\"\nrequire = \"{require}\""))
    };
    let plan = plan(&of("search@2+", "response_time.p99 < 1s")).unwrap();
    assert_eq!(plan.thresholds[0].workload.as_deref(), Some("search@2+"));
    refused(
        &of("search@3", "response_time.p99 < 1s"),
        &["search@1, search@2+"],
    );
    refused(
        &of("search@1", "join.matched > 90%"),
        &["classes of requests have", "name the workload"],
    );
    let abort = "workload = \"search@1\"\nrequire = \"response_time.p99 < 1s\"\nabort = { over = \
                 \"2s\", after = \"1s\" }";
    refused(&with_threshold(abort), &["which can't end a run"]);
}
