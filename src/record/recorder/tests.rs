use std::sync::mpsc::sync_channel;

use super::*;

fn sample(seq: u64, done_ms: u64, outcome: Outcome, sampled: bool) -> Sample {
    Sample {
        seq,
        trace_id: u128::from(seq) + 1,
        span_id: seq + 1,
        sampled,
        intended_ns: Some(done_ms * 1_000_000 - 3_000_000),
        sent_ns: (outcome != Outcome::NotSent).then_some(done_ms * 1_000_000 - 2_000_000),
        done_ns: done_ms * 1_000_000,
        outcome,
        request_bytes: 1,
        response_bytes: 1,
        ..Sample::default()
    }
}

#[test]
fn an_interval_ends_with_its_second() {
    let (queue, intervals) = sync_channel(8);
    let mut recorder = Recorder::new(3, queue);
    for (seq, done_ms) in [10, 999, 1000, 2500].into_iter().enumerate() {
        recorder.record(&sample(seq as u64, done_ms, Outcome::Ok, true));
    }
    recorder.finish();
    let found: Vec<(u64, usize)> = intervals
        .iter()
        .map(|interval| (interval.second, interval.samples.len()))
        .collect();
    assert_eq!(found, [(0, 2), (1, 1), (2, 1)]);
}

#[test]
fn what_replies_held_is_kept_within_a_bound_beside_the_sample_that_it_is_of() {
    let (queue, intervals) = sync_channel(8);
    let mut recorder = Recorder::new(0, queue);
    let reply = |from: i64| {
        Reply::new(
            super::super::ReplyIds::Numbers((from..from + 1_000).collect()),
            vec![0.5; 1_000],
            Vec::new(),
        )
    };
    let fits = REPLIES_WAITING / reply(0).bytes();
    for seq in 0..fits as u64 + 10 {
        // Every other one is not traced, and has no line.
        recorder.record_with(
            &sample(2 * seq, 10, Outcome::Ok, true),
            Some(reply(seq as i64)),
        );
        recorder.record_with(&sample(2 * seq + 1, 10, Outcome::Ok, false), Some(reply(0)));
    }
    recorder.record(&sample(9_999_999, 10, Outcome::Ok, true));
    recorder.finish();
    let interval = intervals.recv().expect("an interval");
    assert_eq!(
        (interval.samples.len(), interval.replies.len()),
        (fits + 11, fits + 10)
    );
    for (at, (place, found)) in interval.replies.iter().enumerate() {
        let expected = reply(interval.samples[*place].seq as i64 / 2);
        let expected = if at < fits {
            expected
        } else {
            expected.emptied()
        };
        assert!(*place == at && *found == expected, "reply {at} of {fits}");
    }
}

#[test]
fn a_slow_writer_costs_no_request() {
    let (queue, intervals) = sync_channel(1);
    let mut recorder = Recorder::new(0, queue);
    for second in 1..=5 {
        recorder.record(&sample(second, second * 1000, Outcome::Ok, true));
    }
    let first = intervals.recv().expect("the first interval");
    recorder.finish();
    let kept: usize = first.samples.len()
        + intervals
            .iter()
            .map(|interval| interval.samples.len())
            .sum::<usize>();
    assert_eq!(kept, 5);
}

#[test]
fn failures_beyond_the_bound_are_counted_and_sampled_ones_kept() {
    let (queue, intervals) = sync_channel(8);
    let mut recorder = Recorder::new(0, queue);
    for seq in 0..150 {
        recorder.record(&sample(seq, 10, Outcome::Timeout, false));
    }
    recorder.record(&sample(150, 10, Outcome::Timeout, true));
    recorder.finish();
    let interval = intervals.recv().expect("an interval");
    assert_eq!(
        (interval.samples.len(), interval.failures_not_kept),
        (101, 50)
    );
    let counted: u64 = interval
        .histograms()
        .filter(|(_, _, figure, _)| *figure == Figure::ServiceTime)
        .map(|h| h.3.len())
        .sum();
    assert_eq!(counted, 151);
}

#[test]
fn slots_that_were_not_sent_are_no_failures_that_were_not_kept() {
    let (queue, intervals) = sync_channel(8);
    let mut recorder = Recorder::new(0, queue);
    for seq in 0..150 {
        recorder.record(&sample(seq, 10, Outcome::NotSent, false));
    }
    recorder.finish();
    assert_eq!(intervals.recv().expect("an interval").failures_not_kept, 0);
}

#[test]
fn a_request_that_was_not_sent_has_an_age_and_no_service_time() {
    let (queue, intervals) = sync_channel(8);
    let mut recorder = Recorder::new(0, queue);
    recorder.record(&sample(0, 10, Outcome::NotSent, false));
    recorder.finish();
    let interval = intervals.recv().expect("an interval");
    let figures: Vec<Figure> = interval.histograms().map(|h| h.2).collect();
    assert_eq!(figures, [Figure::SendLag]);
}

/// The address of each histogram's counts can't be seen; that none was made anew can: all of them
/// come from `spare`.
#[test]
fn what_the_writer_gives_back_is_used_again_and_is_empty() {
    let (queue, intervals) = sync_channel(8);
    let replies = Some(crate::record::ReplyShape {
        vectors: 1,
        full_rows: Some(10),
    });
    let mut recorder = Recorder::new(3, queue).counting_rows(&[StreamInfo {
        replies,
        ..StreamInfo::default()
    }]);
    let histograms = |recorder: &Recorder| {
        recorder.active.histograms().count()
            + recorder.active.sockets().count()
            + recorder.spare.len()
    };
    for second in 0..10 {
        let outcome = if second % 2 == 0 {
            Outcome::Ok
        } else {
            Outcome::Timeout
        };
        recorder.record(&sample(second, second * 1000 + 5, outcome, true));
        recorder.record_socket(1, SocketFigure::WriteDelay, Duration::from_micros(3));
        if let Ok(interval) = intervals.try_recv() {
            assert_eq!(
                (interval.thread, interval.second, interval.samples.len()),
                (3, second - 1, 1)
            );
            assert!(
                interval
                    .histograms()
                    .all(|(_, _, _, histogram)| histogram.len() == 1)
            );
            assert_eq!(
                interval
                    .sockets()
                    .map(|(_, _, histogram)| histogram.len())
                    .sum::<u64>(),
                1
            );
            interval.recycle();
        }
    }
    // Three figures of the request and one of the socket, in two intervals.
    assert!(histograms(&recorder) <= 8, "{}", histograms(&recorder));
    assert!(recorder.active.samples.capacity() > 0);
}

#[test]
fn a_writer_that_gives_nothing_back_costs_no_request() {
    let (queue, intervals) = sync_channel(1);
    let mut recorder = Recorder::new(0, queue);
    for second in 0..100 {
        recorder.record(&sample(second, second * 1000 + 5, Outcome::Ok, false));
    }
    let first = intervals.recv().expect("the first interval");
    recorder.finish();
    let count = |interval: &Interval| {
        interval
            .histograms()
            .filter(|h| h.2 == Figure::ServiceTime)
            .map(|h| h.3.len())
            .sum::<u64>()
    };
    assert_eq!(
        count(&first)
            + intervals
                .iter()
                .map(|interval| count(&interval))
                .sum::<u64>(),
        100
    );
}

#[test]
fn streams_outcomes_and_connections_are_kept_apart() {
    let (queue, intervals) = sync_channel(8);
    let mut recorder = Recorder::new(0, queue);
    for round in 0..3 {
        for stream in [4, 0, 2] {
            for outcome in [Outcome::Milvus(100), Outcome::Ok, Outcome::Milvus(1)] {
                recorder.record(&Sample {
                    stream: StreamId(stream),
                    ..sample(round, 10, outcome, false)
                });
            }
        }
        recorder.record_socket(700, SocketFigure::ReadDelay, Duration::from_secs(7200));
        recorder.record_socket(0, SocketFigure::FlowControlWait, Duration::ZERO);
    }
    recorder.finish();
    let interval = intervals.recv().expect("an interval");
    // Three streams, three outcomes, three figures.
    let mut kinds: Vec<_> = interval
        .histograms()
        .map(|(stream, outcome, figure, h)| (stream, outcome, figure, h.len()))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(
        (kinds.len(), kinds.iter().all(|kind| kind.3 == 3)),
        (27, true),
        "{kinds:?}"
    );
    let sockets: Vec<_> = interval
        .sockets()
        .map(|(connection, figure, h)| (connection, figure, h.len()))
        .collect();
    assert_eq!(
        sockets,
        [
            (700, SocketFigure::ReadDelay, 3),
            (0, SocketFigure::FlowControlWait, 3)
        ]
    );
}

#[test]
fn a_server_that_fails_in_a_thousand_ways_does_not_decide_about_memory() {
    let (queue, intervals) = sync_channel(8);
    let mut recorder = Recorder::new(0, queue);
    for code in 1..=1000 {
        recorder.record(&sample(code as u64, 10, Outcome::Milvus(code), true));
        recorder.record(&sample(code as u64, 10, Outcome::Ok, false));
    }
    recorder.finish();
    let of_outcome = |interval: Interval| {
        assert!(
            interval
                .samples
                .iter()
                .enumerate()
                .all(|(index, sample)| sample.outcome == Outcome::Milvus(index as i32 + 1))
        );
        let lags: Vec<_> = interval
            .histograms()
            .filter(|h| h.2 == Figure::SendLag)
            .map(|h| (h.1, h.3.len()))
            .collect();
        lags
    };
    let counts = of_outcome(intervals.recv().expect("an interval"));
    let other = counts
        .iter()
        .find(|(outcome, _)| *outcome == Outcome::Other);
    assert_eq!(
        (counts.len(), other),
        (
            FAILURE_KINDS + 2,
            Some(&(Outcome::Other, 1000 - FAILURE_KINDS as u64))
        )
    );
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 2000);
}

#[test]
fn sampled_requests_take_the_room_of_failures_and_are_counted_when_there_is_none() {
    let (queue, intervals) = sync_channel(8);
    let mut recorder = Recorder::new(0, queue);
    let mut seq = 0..;
    let mut record = |recorder: &mut Recorder, count: usize, outcome, sampled| {
        seq.by_ref()
            .take(count)
            .for_each(|seq| recorder.record(&sample(seq, 10, outcome, sampled)));
    };
    record(&mut recorder, 60, Outcome::Timeout, false);
    record(&mut recorder, SAMPLES_WAITING - 60, Outcome::Ok, true);
    record(&mut recorder, 10, Outcome::Timeout, false);
    record(&mut recorder, 65, Outcome::Ok, true);
    recorder.finish();
    let interval = intervals.recv().expect("an interval");
    assert_eq!(interval.samples.len(), SAMPLES_WAITING);
    assert!(
        interval.samples.iter().all(|sample| sample.sampled),
        "every failure gave way"
    );
    assert_eq!(
        (interval.failures_not_kept, interval.not_recorded.clone()),
        (70, vec![(StreamId(0), 5)])
    );
}
