//! The shipped scenarios.

use std::fs;

use super::*;

fn shipped() -> Vec<PathBuf> {
    let entries = fs::read_dir(scenarios())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect()
}

fn read(path: &Path) -> Plan {
    let scenario = Scenario::read(&ScenarioSource::File(path.to_owned()), &[], &none).unwrap();
    Plan::from_scenario(&scenario, &PlanFlags::default(), &none).unwrap()
}

#[test]
fn every_shipped_scenario_passes_all_checks_and_says_what_it_is_for() {
    let files = shipped();
    assert!(files.len() >= 5, "{files:?}");
    for path in files {
        let plan = read(&path);
        assert_eq!(
            Some(plan.name.as_str()),
            path.file_stem().and_then(|stem| stem.to_str())
        );
        assert!(
            plan.source
                .lines()
                .nth(1)
                .is_some_and(|line| line.starts_with("# ")),
            "{} has no comment in front",
            path.display()
        );
        assert!(
            !plan.description.is_empty() && plan.remarks.is_empty(),
            "{}: {:?}",
            path.display(),
            plan.remarks
        );
    }
}

#[test]
fn quickstart_inserts_8000_rows_and_lasts_half_a_minute() {
    let plan = read(&scenarios().join("quickstart.toml"));
    let expected = plan.expectation();
    assert_eq!(expected.rows, 8000);
    let requests: Vec<_> = expected
        .loads
        .iter()
        .map(|load| {
            (
                load.phase.as_str(),
                load.workload.as_str(),
                load.warmup,
                load.requests,
            )
        })
        .collect();
    assert_eq!(
        requests,
        [
            ("alone", "search", Some(400), Some(2000)),
            ("under-ingest", "search", Some(0), Some(2000)),
            ("under-ingest", "ingest", Some(0), Some(100))
        ]
    );
    assert_eq!((plan.sample_ratio(0), plan.sample_ratio(1)), (1.0, 1.0));
    assert_eq!(
        expected.loads[2].rows_last.as_deref(),
        Some("its rows last 10.0 s")
    );
    let time = expected.time.unwrap();
    assert!(
        time > Duration::from_secs(25) && time < Duration::from_secs(45),
        "{time:?}"
    );
}

#[test]
fn quickstart_is_expected_in_words() {
    let text = read(&scenarios().join("quickstart.toml"))
        .expectation()
        .to_string();
    for words in [
        "8,000 inserted",
        "alone/search: about 2,000, about 400 before as warm-up, 100 % traced",
        "about 4,100, 41,000 spans",
    ] {
        assert!(text.contains(words), "{text}");
    }
}
