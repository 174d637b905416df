//! Analyses and waterfalls of any content: nothing panics, no line is too wide, nothing reaches a
//! terminal as control.

use proptest::{collection::vec, num::f64::ANY, option, prelude::*};
use unicode_width::UnicodeWidthStr;

use super::super::{TextStyle, render_text, render_waterfall};
use crate::analysis::*;

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z]{0,12}",
        1 => any::<String>(),
        1 => "[a-zA-Z./ -]{0,120}",
        1 => Just("\u{1b}[2J\n\u{202e}検索".to_owned()),
    ]
}

fn area() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("engine".to_owned()),
        Just("gap".to_owned()),
        Just("detached".to_owned()),
        word()
    ]
}

fn unit() -> impl Strategy<Value = String> {
    prop_oneof![Just("us".to_owned()), Just("requests".to_owned()), word()]
}

fn quantiles() -> impl Strategy<Value = Option<Quantiles>> {
    let estimate = (ANY, option::of(ANY), option::of(ANY), any::<bool>());
    let estimate = estimate.prop_map(|(value, low, high, at_least)| Estimate {
        value,
        low,
        high,
        at_least,
        why_not: None,
    });
    option::of(prop::collection::btree_map(
        prop_oneof![
            Just("p50".to_owned()),
            Just("p99".to_owned()),
            Just("max".to_owned()),
            word()
        ],
        estimate,
        0..5,
    ))
}

fn parts() -> impl Strategy<Value = Vec<PartMean>> {
    vec(
        (area(), option::of(word()), word(), ANY).prop_map(|(area, service, part, mean_us)| {
            PartMean {
                area,
                service,
                part,
                mean_us,
            }
        }),
        0..8,
    )
}

fn bands() -> impl Strategy<Value = Vec<Band>> {
    let name = prop_oneof![Just("all".to_owned()), Just("99-100".to_owned()), word()];
    let band = (name, any::<u64>(), any::<u64>(), ANY, parts());
    vec(
        band.prop_map(|(band, sampled, matched, mean_us, parts)| Band {
            band,
            sampled,
            matched,
            mean_us,
            parts,
            ..Band::default()
        }),
        0..6,
    )
}

prop_compose! {
    fn requests()(
        due in any::<u64>(),
        ok in any::<u64>(),
        failed in any::<u64>(),
        not_sent in any::<u64>(),
        outcomes in prop::collection::btree_map(word(), any::<u64>(), 0..3),
    ) -> RequestCounts {
        RequestCounts {
            due,
            ok,
            failed,
            not_sent,
            outcomes,
        }
    }
}

prop_compose! {
    fn traces()(
        n in any::<[u64; 8]>(),
        us in [ANY, ANY, ANY, ANY],
        names in prop::collection::btree_map(word(), any::<u64>(), 0..3),
    ) -> TraceFacts {
        TraceFacts {
            spans_mode: n[0],
            below_mode: n[1],
            retried_by_transport: n[2],
            merged: n[3],
            merged_in_part: n[4],
            callee_spans_lost: n[5],
            shifted: n[6],
            negative_gaps: n[7],
            largest_shift_us: us[0],
            lowest_gap_us: us[1],
            unmatched_p50_p99_us: Some((us[2], us[3])),
            unknown_names: names,
            ..TraceFacts::default()
        }
    }
}

prop_compose! {
    fn instances()(
        rows in vec((area(), word(), word(), ANY, option::of(ANY)), 0..8),
    ) -> Vec<InstanceShare> {
        let row = |(area, service, instance, mean_us, tail_mean_us)| InstanceShare {
            area,
            service,
            instance,
            mean_us,
            tail_mean_us,
            body_mean_us: None,
        };
        rows.into_iter().map(row).collect()
    }
}

prop_compose! {
    fn contrast()(
        kind in prop_oneof![Just("phase"), Just("stage"), Just("workload"), Just("slow_seconds")],
        words in (word(), option::of(word())),
        difference_us in ANY,
        ends in (option::of(ANY), option::of(ANY)),
        parts in vec((area(), option::of(word()), word(), ANY, option::of((ANY, ANY))), 0..5),
    ) -> Contrast {
        let part = |(area, service, part, share, ends): (_, _, _, f64, Option<(f64, f64)>)| {
            TailPart {
                area,
                service,
                part,
                difference_us: share,
                share,
                share_low: ends.map(|(low, _)| low),
                share_high: ends.map(|(_, high)| high),
            }
        };
        Contrast {
            kind: kind.to_owned(),
            with: words.0,
            sentence: words.1,
            difference_us,
            difference_low_us: ends.0,
            difference_high_us: ends.1,
            parts: parts.into_iter().map(part).collect(),
            ..Contrast::default()
        }
    }
}

prop_compose! {
    fn workload()(
        names in (
            prop_oneof![Just("prepare".to_owned()), Just("alone".to_owned()), word()],
            prop_oneof![Just("search".to_owned()), word()],
            prop_oneof![Just("open"), Just("closed"), Just("")],
        ),
        figures in (ANY, ANY, option::of(ANY), option::of(ANY)),
        requests in requests(),
        times in (
            quantiles(),
            quantiles(),
            quantiles(),
            quantiles(),
            quantiles(),
            quantiles(),
            quantiles(),
        ),
        join in option::of(any::<[u64; 7]>()),
        traces in option::of(traces()),
        account in bands(),
        instances in instances(),
        words in (option::of(word()), option::of(word()), option::of(word())),
        failed in prop::collection::btree_map(
            word(),
            quantiles().prop_map(Option::unwrap_or_default),
            0..3,
        ),
        slowest in option::of((word(), ANY, word(), ANY)),
        compared in (option::of(word()), vec(contrast(), 0..3), vec(word(), 0..3)),
    ) -> WorkloadAnalysis {
        let (stage, contrasts, advice) = compared;
        let (phase, workload, loop_kind) = names;
        let (duration_s, achieved, target, rows_per_s) = figures;
        WorkloadAnalysis {
            phase,
            stage,
            workload,
            operation: "search".to_owned(),
            collection: "words".to_owned(),
            contrasts,
            advice: advice
                .into_iter()
                .map(|sentence| Advice {
                    sentence,
                    ..Advice::default()
                })
                .collect(),
            loop_kind: loop_kind.to_owned(),
            duration_s,
            rows_per_s,
            requests,
            rate: Rates {
                target,
                scheduled: target,
                achieved,
                throughput: achieved,
            },
            response_time_us: times.0,
            service_time_us: times.1,
            send_lag_us: times.2,
            queue_time_us: times.3,
            server_time_us: times.4,
            gap_us: times.5,
            matched_service_time_us: times.6,
            failed_time_us: failed,
            join: join.map(|n| Join {
                sampled: n[0],
                matched: n[1],
                incomplete: n[2],
                no_root: n[3],
                missing: n[4],
                not_recorded: n[5],
                not_fetched: n[6],
                ..Join::default()
            }),
            traces,
            account,
            instances,
            tail: Some(Tail {
                sentence: words.0,
                missing: words.1,
                ..Tail::default()
            }),
            stopped: words.2,
            exemplars: slowest
                .into_iter()
                .map(
                    |(trace_id, latency_us, largest_part, largest_part_us)| Exemplar {
                        label: "slowest".to_owned(),
                        trace_id,
                        latency_us,
                        largest_part,
                        largest_part_us,
                        ..Exemplar::default()
                    },
                )
                .collect(),
            ..WorkloadAnalysis::default()
        }
    }
}

prop_compose! {
    fn connections()(
        phase in word(),
        counts in any::<[u64; 4]>(),
        times in (quantiles(), quantiles(), quantiles()),
    ) -> ConnectionFigures {
        ConnectionFigures {
            phase,
            connections: counts[0],
            hand_overs: counts[1],
            reads: counts[2],
            no_windows: counts[3],
            hand_over_us: times.0,
            read_wake_up_us: times.1,
            no_window_us: times.2,
            ..ConnectionFigures::default()
        }
    }
}

prop_compose! {
    fn analysis()(
        words in (word(), word(), word()),
        workloads in vec(workload(), 0..5),
        reasons in vec((word(), word(), ANY, ANY, unit(), word()), 0..3),
        environment in vec((word(), word()), 0..4),
        errors in vec((word(), word(), word()), 0..4),
        warnings in vec(word(), 0..3),
        warmup in vec((any::<u64>(), any::<u64>()), 0..3),
        spans in option::of((word(), word(), word(), any::<u64>())),
        connections in vec(connections(), 0..3),
        client_bound in any::<bool>(),
    ) -> Analysis {
        let reason = |(code, at, figure, limit, unit, advice)| Reason {
            code,
            at,
            figure,
            limit,
            unit,
            advice,
            ..Reason::default()
        };
        Analysis {
            name: words.0,
            description: words.1,
            status: words.2,
            workloads,
            environment,
            warnings,
            connections,
            verdict: Verdict {
                state: VerdictState::Invalid,
                client_bound,
                reasons: reasons.into_iter().map(reason).collect(),
            },
            errors: errors
                .into_iter()
                .map(|(at, outcome, text)| ErrorText { at, outcome, text })
                .collect(),
            warmup: warmup
                .into_iter()
                .map(|(requests, failed)| WarmupCount {
                    requests,
                    failed,
                    ..WarmupCount::default()
                })
                .collect(),
            spans: spans.map(|(source, server, remark, spans)| SpanSummary {
                source,
                server,
                remark,
                spans,
                ..SpanSummary::default()
            }),
            ..Analysis::default()
        }
    }
}

prop_compose! {
    fn waterfall()(
        words in (word(), word(), word(), word(), word()),
        times in (option::of(ANY), ANY, option::of(ANY), option::of(ANY)),
        rows in vec(
            (0_u32..40, word(), word(), word(), area(), (ANY, ANY, ANY), vec((ANY, ANY), 0..3)),
            0..12,
        ),
        parts in parts(),
        link in option::of(word()),
    ) -> Waterfall {
        let row = |(
            depth,
            label,
            service,
            instance,
            area,
            (start_us, duration_us, self_us),
            critical,
        )| WaterfallRow {
            depth,
            label,
            service,
            instance,
            area,
            start_us,
            duration_us,
            self_us,
            critical,
        };
        Waterfall {
            trace_id: words.0,
            at: words.1,
            seq: 0,
            operation: words.2,
            outcome: words.3,
            state: words.4,
            response_time_us: times.0,
            service_time_us: times.1,
            send_lag_us: times.2,
            gap_us: times.3,
            rows: rows.into_iter().map(row).collect(),
            parts,
            link,
            rows_left_out: 0,
        }
    }
}

/// Removes the sequences that [`super::super::layout::Paint`] writes.
fn without_colour(text: &str) -> String {
    let mut out = String::new();
    for (i, piece) in text.split('\u{1b}').enumerate() {
        out.push_str(if i == 0 {
            piece
        } else {
            piece.split_once('m').map_or("", |(_, rest)| rest)
        });
    }
    out
}

fn check(render: impl Fn(TextStyle) -> String, width: u16) -> Result<(), TestCaseError> {
    let style = TextStyle {
        width,
        rows: Some(24),
        explain: true,
        ..TextStyle::default()
    };
    let text = render(style);
    for line in text.lines() {
        prop_assert!(
            line.width() <= usize::from(width.clamp(60, 120)),
            "{line:?}"
        );
    }
    prop_assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()),
        "{text:?}"
    );
    prop_assert_eq!(
        without_colour(&render(TextStyle {
            color: true,
            ..style
        })),
        text
    );
    Ok(())
}

proptest! {
    #[test]
    fn any_analysis_is_shown(analysis in analysis(), width in 0_u16..200) {
        check(|style| render_text(&analysis, style), width)?;
    }

    #[test]
    fn any_waterfall_is_shown(waterfall in waterfall(), width in 0_u16..200) {
        check(|style| render_waterfall(&waterfall, style), width)?;
    }
}

#[test]
fn colours_are_in_the_colourful_report() {
    let text = render_text(
        &super::sample::analysis(),
        TextStyle {
            color: true,
            width: 100,
            ..TextStyle::default()
        },
    );
    assert!(text.contains("\u{1b}[38;5;70m█"), "{text}");
    assert_ne!(without_colour(&text), text);
}
