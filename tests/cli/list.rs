//! The list of runs, and completions.

use crate::{bench::Bench, support::fake_milvus::FakeMilvus};

#[test]
fn runs_are_listed_newest_first_and_damaged_ones_are_named() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("duration = \"1s\"", "duration = \"100ms\"")]);
    bench.call(&["run", "scenario.toml", "--accept-invalid", "--quiet", "--repeat", "2"]).exits(0);
    let folders = bench.folders();
    let names: Vec<&str> = folders.iter().filter_map(|folder| folder.path().file_name()?.to_str()).collect();
    bench.call(&["list", "--results", "nowhere"]).exits(2).error(&["there is no run in nowhere", "--results"]);
    let listed = bench.call(&["list"]).exits(0).stdout;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(names.iter().all(|name| listed.contains(*name)), "{listed}");
    assert!(lines.iter().all(|line| line.contains("complete") && line.contains("alone/search: p50 ")), "{listed}");
    let changed = folders[1].path().join("run.json");
    let text = std::fs::read_to_string(&changed).expect("run.json").replace("\"complete\"", "\"running\"");
    std::fs::write(changed, text).expect("a file of the run");
    let listed = bench.call(&["list"]).exits(0).stdout;
    let expected = [names[1], "invalid", "run.json was changed since it was written"];
    assert!(listed.lines().any(|line| expected.iter().all(|word| line.contains(word))), "{listed}");
    let broken = folders[0].path().join("run.json");
    std::fs::write(broken, b"{").expect("a file of the run");
    let listed = bench.call(&["list"]).exits(0).stdout;
    assert!(listed.lines().last().is_some_and(|line| line.contains(names[0]) && line.contains("run.json")), "{listed}");
}

#[test]
fn shells_get_their_completions() {
    let bench = Bench::new("");
    for shell in ["bash", "zsh", "fish"] {
        let script = bench.call(&["completions", shell]).exits(0).stdout;
        assert!(script.contains("milvus-bench") && script.contains("fail-if-slower"), "{shell}");
    }
    let ended = bench.call(&["completions", "tcsh"]).exits(2);
    assert!(ended.stderr.contains("bash"), "{}", ended.stderr);
}
