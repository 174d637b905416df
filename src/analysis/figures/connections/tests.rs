use super::*;
use crate::{
    analysis::{
        model::Analysis,
        run::analyse,
        testing::run::{Made, RunMaker},
    },
    record::{ClockAnchor, Part, PhaseInfo, StreamInfo},
};

const HAND_OVER: SocketFigure = SocketFigure::WriteDelay;
const READ: SocketFigure = SocketFigure::ReadDelay;
const NO_WINDOW: SocketFigure = SocketFigure::FlowControlWait;
const MS: u64 = 1_000_000;

fn analysed(run: &RunMaker) -> Analysis {
    let (_folder, reader) = run.write();
    analyse(&reader, std::iter::empty()).expect("a run that can be read")
}

/// A run of ten seconds with one request.
fn run() -> RunMaker {
    let mut run = RunMaker::new(true);
    run.request(Made::ok(0, 10_000, MS));
    run
}

fn near(found: f64, expected: f64) {
    assert!(
        (found / expected - 1.0).abs() < 2e-3,
        "{found} is not {expected}"
    );
}

#[test]
fn seconds_and_connections_are_merged_and_the_worst_connection_is_named() {
    let mut run = run();
    run.info.threads = 2;
    for second in 0..10 {
        run.socket(second, (0, HAND_OVER), &[20_000; 9]);
        run.socket(second, (1, HAND_OVER), &[500_000]);
        run.socket(second, (0, READ), &[40_000; 5]);
        run.socket(
            second,
            (1, READ),
            &[if second < 3 { 2 * MS } else { 30_000 }],
        );
    }
    run.socket(3, (0, NO_WINDOW), &[7 * MS]);
    let analysis = analysed(&run);
    assert!(analysis.warnings.is_empty(), "{:?}", analysis.warnings);
    let [figures] = &analysis.connections[..] else {
        panic!("{:?}", analysis.connections)
    };
    assert_eq!((figures.phase.as_str(), figures.connections), ("p", 2));
    assert_eq!(
        (figures.hand_overs, figures.reads, figures.no_windows),
        (100, 60, 1)
    );
    let hand_over = figures.hand_over_us.as_ref().unwrap();
    near(hand_over["p90"].value, 20.0);
    near(hand_over["p99"].value, 500.0);
    near(figures.no_window_us.as_ref().unwrap()["max"].value, 7_000.0);
    let worst: Vec<_> = figures
        .worst
        .iter()
        .map(|worst| (worst.figure.as_str(), worst.connection))
        .collect();
    assert_eq!(
        worst,
        [("hand_over", 1), ("read_wake_up", 1), ("no_window", 0)]
    );
    near(figures.worst[1].max_us, 2_000.0);
    assert_eq!(
        figures.event_loop,
        Some(EventLoopLag {
            thread: 1,
            seconds: 10,
            late_seconds: 3
        })
    );
}

#[test]
fn one_slow_read_of_a_hundred_is_no_late_second() {
    let late = |slow: usize| {
        let mut run = run();
        // Two lines of one second, as a thread writes them whose interval was handed over in
        // between.
        run.socket(4, (0, READ), &[50_000; 60]);
        run.socket(
            4,
            (4, READ),
            &[vec![50_000; 40 - slow], vec![3 * MS; slow]].concat(),
        );
        analysed(&run).connections[0].event_loop.clone().unwrap()
    };
    assert_eq!(
        late(1),
        EventLoopLag {
            thread: 0,
            seconds: 1,
            late_seconds: 0
        }
    );
    assert_eq!(
        late(2),
        EventLoopLag {
            thread: 0,
            seconds: 1,
            late_seconds: 1
        }
    );
}

/// Two phases, `p` with a warm-up and `q`, in seconds: (start, end) of the measured parts.
fn two_phases(p: (f64, f64), q: (f64, f64)) -> RunMaker {
    let ns = |seconds: f64| (seconds * 1e9) as u64;
    let anchor = |seconds: f64| ClockAnchor {
        monotonic_ns: ns(seconds),
        unix_ns: 3_600_000_000_000 + ns(seconds),
    };
    let mut run = run();
    let measured = run.info.streams[0].clone();
    let stream = |phase: &str, part, (start, end): (f64, f64)| StreamInfo {
        phase: phase.to_owned(),
        part: Some(part),
        start_ns: ns(start),
        end_ns: Some(ns(end)),
        ..measured.clone()
    };
    run.info.streams = vec![
        stream("p", Part::Measured, p),
        stream("p", Part::Warmup, (0.0, p.0)),
        stream("q", Part::Measured, q),
    ];
    let phase = |name: &str, start, end| PhaseInfo {
        name: name.to_owned(),
        start,
        end: Some(end),
        ..PhaseInfo::default()
    };
    run.info.phases = vec![
        phase("p", anchor(0.0), anchor(p.1)),
        phase("q", anchor(q.0), anchor(q.1)),
    ];
    run
}

/// Write delays of `p` and `q`, where every second from 0 to 9 holds one more than its number.
fn check_seconds(mut run: RunMaker, p: u64, q: u64) {
    for second in 0..10 {
        run.socket(second, (0, HAND_OVER), &vec![1_000; second as usize + 1]);
    }
    let found = analysed(&run).connections;
    let of = |phase: &str| {
        found
            .iter()
            .find(|figures| figures.phase == phase)
            .map_or(0, |figures| figures.hand_overs)
    };
    assert_eq!((of("p"), of("q")), (p, q));
}

#[test]
fn a_second_counts_once_and_to_the_phase_with_the_largest_part_of_it() {
    // Warm-up alone: seconds 0 and 1.
    check_seconds(two_phases((2.0, 5.0), (5.0, 8.0)), 3 + 4 + 5, 6 + 7 + 8);
    // Second 2 is shared with the warm-up, second 5 by both phases, most of it p's; then q's.
    check_seconds(two_phases((2.9, 5.7), (5.7, 8.0)), 3 + 4 + 5 + 6, 7 + 8);
    check_seconds(two_phases((2.9, 5.3), (5.3, 8.0)), 3 + 4 + 5, 6 + 7 + 8);
    // A phase within one second is not lost.
    check_seconds(two_phases((2.4, 2.5), (3.0, 4.0)), 3, 4);
}

#[test]
fn the_last_answers_count_and_a_ramp_behind_does_not() {
    let mut late = two_phases((2.0, 5.0), (7.0, 8.0));
    late.info.phases[0].end.as_mut().unwrap().monotonic_ns = 7_000_000_000;
    check_seconds(late, 3 + 4 + 5 + 6 + 7, 8);
    let mut ramp = two_phases((2.0, 5.0), (7.0, 8.0));
    ramp.info.phases[0].end.as_mut().unwrap().monotonic_ns = 7_000_000_000;
    let behind = StreamInfo {
        part: Some(Part::Ramp(1)),
        start_ns: 5_000_000_000,
        end_ns: Some(7_000_000_000),
        ..ramp.info.streams[0].clone()
    };
    ramp.info.streams.push(behind);
    check_seconds(ramp, 3 + 4 + 5, 8);
}

#[test]
fn a_killed_run_has_the_seconds_until_its_end() {
    let mut killed = two_phases((2.0, 5.0), (7.0, 8.0));
    killed.info.phases[1].end = None;
    killed.info.streams[2].end_ns = None;
    check_seconds(killed, 3 + 4 + 5, 8 + 9 + 10);
}

/// The analysis of a run whose connections.hlog was changed by `change`.
fn changed(change: impl FnOnce(&std::path::Path)) -> Analysis {
    let mut run = run();
    for second in 0..5 {
        run.socket(second, (0, HAND_OVER), &[20_000, 30_000]);
    }
    let (folder, reader) = run.write();
    change(&folder.path().join("connections.hlog"));
    analyse(&reader, std::iter::empty()).expect("the rest of the run is whole")
}

#[test]
fn a_run_without_the_file_says_what_is_not_known() {
    let analysis = changed(|path| std::fs::remove_file(path).unwrap());
    assert!(analysis.connections.is_empty());
    let expected = "connections.hlog is missing or can't be read (runs of older versions have \
                    none): the client's part of the gap is unknown";
    assert_eq!(analysis.warnings, [expected]);
}

#[test]
fn a_run_that_did_not_come_to_its_load_misses_nothing() {
    let mut run = run();
    run.info.phases.clear();
    let (folder, reader) = run.write();
    std::fs::remove_file(folder.path().join("connections.hlog")).unwrap();
    assert!(
        analyse(&reader, std::iter::empty())
            .unwrap()
            .warnings
            .is_empty()
    );
}

#[test]
fn a_file_that_is_cut_or_garbled_gives_what_was_read_before() {
    let keep = |of_file: fn(&str) -> String| {
        let analysis = changed(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            std::fs::write(path, of_file(&text)).unwrap();
        });
        assert_eq!(analysis.warnings.len(), 1, "{:?}", analysis.warnings);
        assert!(
            analysis.warnings[0].starts_with("connections.hlog is damaged after "),
            "{:?}",
            analysis.warnings
        );
        analysis
            .connections
            .first()
            .map_or(0, |figures| figures.hand_overs)
    };
    assert_eq!(keep(|text| text[..text.len() - 5].to_owned()), 8);
    assert_eq!(
        keep(|text| text.replace("0/hand_over,3.000", "0/elsewhere,3.000")),
        6
    );
    assert_eq!(
        keep(|text| text.replace("Tag=0/hand_over,2.000", "Tag=70000/hand_over,2.000")),
        4
    );
    assert_eq!(
        keep(|text| text.replace("Tag=0/hand_over,1.000", "1.000")),
        2
    );
    assert_eq!(keep(|_| "not an interval log\n".to_owned()), 0);
}
