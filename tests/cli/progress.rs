//! What stderr says while a run goes on, and what is said of its load threads.

use serde_json::json;

use milvus_bench::null_milvus::FakeMilvus;

use crate::bench::Bench;

const TWO_SECONDS: (&str, &str) = ("duration = \"1s\"", "duration = \"2500ms\"");

#[test]
fn without_a_terminal_a_plain_line_for_each_workload_names_its_figures() {
    let fake = FakeMilvus::start();
    let callers = "[workloads.callers]\noperation = \"search\"\nconcurrency = 2\n\n[[phases]]";
    let changes = [
        TWO_SECONDS,
        ("[[phases]]", callers),
        ("[\"search\"]", "[\"search\", \"callers\"]"),
    ];
    let bench = Bench::at(&fake, &changes);
    let ended = bench.run(&[]).exits(0);
    for (workload, latency) in [("search", "response time"), ("callers", "service time")] {
        let name = format!("alone/measured/{workload}: ");
        let lines: Vec<&str> = ended
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix(&name))
            .collect();
        let [line] = lines.as_slice() else {
            panic!(
                "not one line of {workload} in ten seconds:\n{}",
                ended.stderr
            )
        };
        let figures: Vec<&str> = line.split(", ").collect();
        let names = [
            "rate ",
            "in flight ",
            &format!("{latency} p50 "),
            "p99 ",
            "failed 0",
            "left ",
        ];
        assert_eq!(figures.len(), names.len(), "{line}");
        assert!(
            figures
                .iter()
                .zip(names)
                .all(|(figure, name)| figure.starts_with(name)),
            "{line}"
        );
        let rate: f64 = figures[0]
            .trim_start_matches("rate ")
            .trim_end_matches("/s")
            .replace(',', "")
            .parse()
            .expect("a rate");
        assert!(rate > 0.0, "{line}");
        assert!(
            !figures[2].ends_with('-') && figures[5].ends_with(" s"),
            "{line}"
        );
    }
}

#[test]
fn quiet_is_silent() {
    let fake = FakeMilvus::start();
    let ended = Bench::at(&fake, &[TWO_SECONDS]).run(&["--quiet"]).exits(0);
    assert!(
        !ended.stderr.contains("rate ") && !ended.stderr.contains("phase "),
        "{}",
        ended.stderr
    );
}

#[test]
fn run_json_says_how_the_load_threads_ran() {
    let fake = FakeMilvus::start();
    let allowed = rustix::thread::sched_getaffinity(None).expect("the cores of this process");
    let core = (0..rustix::thread::CpuSet::MAX_CPU)
        .find(|core| allowed.is_set(*core))
        .expect("a core");
    let said = |flags: &[&str]| {
        let bench = Bench::at(&fake, &[]);
        bench.run(flags).exits(0);
        let run = bench.only_folder().run();
        json!([
            run["threads"],
            run["threads_given"],
            run["pinned"],
            run["precise"]
        ])
    };
    assert_eq!(
        said(&["--threads", "1", "--pin", &core.to_string()]),
        json!([1, true, [core], false])
    );
    let by_default = said(&[]);
    assert!(by_default[0].as_u64() >= Some(1));
    assert_eq!(
        (&by_default[1], &by_default[2]),
        (&json!(false), &json!([]))
    );
}

#[test]
fn cores_that_are_not_there_are_refused_before_anything_is_made() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    bench
        .run(&["--pin", "1023"])
        .exits(2)
        .error(&["--pin names core 1023", "available: "]);
    assert!(bench.folders().is_empty());
}
