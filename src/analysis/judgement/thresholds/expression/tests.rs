use super::*;

fn time(time: Time, quantile: &'static str) -> Quantity {
    Quantity {
        base: Base::Time(time),
        quantile: Some(quantile),
        worst_s: None,
    }
}

fn check(text: &str, figure: Quantity, relation: Relation, limit: Limit) {
    assert_eq!(
        Expression::parse(text),
        Ok(Expression {
            figure,
            relation,
            limit
        }),
        "{text}"
    );
}

#[test]
fn times_have_quantiles_and_units() {
    check(
        "response_time.p99 < 20ms",
        time(Time::Response, "p99"),
        Relation::Below,
        Limit::Value(20_000.0),
    );
    check(
        "response_time.p99.9<=1.5s",
        time(Time::Response, "p99.9"),
        Relation::AtMost,
        Limit::Value(1_500_000.0),
    );
    check(
        " gap.mean > 250 us ",
        time(Time::Gap, "mean"),
        Relation::Above,
        Limit::Value(250.0),
    );
}

#[test]
fn areas_and_parts_are_quoted() {
    let figure = |base, quantile| Quantity {
        base,
        quantile: Some(quantile),
        worst_s: None,
    };
    let area = Base::Area("consistency wait".to_owned());
    check(
        "area(\"consistency wait\").p99 < 20ms",
        figure(area, "p99"),
        Relation::Below,
        Limit::Value(20_000.0),
    );
    let part = Base::Part("Delegator-waitTSafe".to_owned());
    check(
        "part(\"Delegator-waitTSafe\").mean < 1ms",
        figure(part, "mean"),
        Relation::Below,
        Limit::Value(1_000.0),
    );
}

#[test]
fn counts_are_shares() {
    let figure = |base| Quantity {
        base,
        quantile: None,
        worst_s: None,
    };
    check(
        "failed < 0.1%",
        figure(Base::Failed),
        Relation::Below,
        Limit::Value(0.1 / 100.0),
    );
    check(
        "achieved_rate > 0.99",
        figure(Base::AchievedRate),
        Relation::Above,
        Limit::Value(0.99),
    );
    check(
        "join.matched >= 95 %",
        figure(Base::Matched),
        Relation::AtLeast,
        Limit::Value(0.95),
    );
    check(
        "throughput > 500/s",
        figure(Base::Throughput),
        Relation::Above,
        Limit::Value(500.0),
    );
    check(
        "rows.mean >= 9.5",
        figure(Base::RowsMean),
        Relation::AtLeast,
        Limit::Value(9.5),
    );
    check(
        "rows.mean >= 10 rows",
        figure(Base::RowsMean),
        Relation::AtLeast,
        Limit::Value(10.0),
    );
    check(
        "empty < 0.5%",
        figure(Base::Empty),
        Relation::Below,
        Limit::Value(0.5 / 100.0),
    );
}

#[test]
fn a_limit_may_be_a_figure_of_another_phase() {
    let limit = |factor| Limit::Phase {
        factor,
        phase: "alone".to_owned(),
        figure: time(Time::Response, "p99"),
    };
    let text = "response_time.p99 < 1.5 * phase(\"alone\").response_time.p99";
    check(
        text,
        time(Time::Response, "p99"),
        Relation::Below,
        limit(1.5),
    );
    let text = "service_time.p99 < phase(\"alone\").response_time.p99";
    check(
        text,
        time(Time::Service, "p99"),
        Relation::Below,
        limit(1.0),
    );
}

#[test]
fn the_worst_window_has_a_length() {
    let figure = |seconds| Quantity {
        worst_s: Some(seconds),
        ..time(Time::Response, "p99")
    };
    check(
        "response_time.p99.worst(\"10s\") < 200ms",
        figure(10),
        Relation::Below,
        Limit::Value(200_000.0),
    );
    check(
        "response_time.p99.worst(\"2m\") < 200ms",
        figure(120),
        Relation::Below,
        Limit::Value(200_000.0),
    );
}

fn refused(text: &str, words: &str) {
    let error = Expression::parse(text).expect_err(text).to_string();
    assert!(error.contains(words), "{text}: {error}");
}

#[test]
fn more_than_the_schedule_held_is_a_rate() {
    check(
        "achieved_rate < 101%",
        Quantity {
            base: Base::AchievedRate,
            quantile: None,
            worst_s: None,
        },
        Relation::Below,
        Limit::Value(1.01),
    );
}

#[test]
fn errors_say_what_stands_where_and_what_is_allowed() {
    refused("", "ends early, expected a figure (response_time, ");
    refused(
        "latency.p99 < 5ms",
        "has `latency.p99 < 5ms`, expected a figure",
    );
    refused("response_times.p99 < 5ms", "expected a figure");
    refused("response_time < 5ms", "has `< 5ms`, expected one of .p50");
    refused("response_time.p98 < 5ms", "one of .p50");
    refused(
        "response_time.p99 = 5ms",
        "has `= 5ms`, expected one of <, <=, >, >=",
    );
    refused(
        "response_time.p99 < 5",
        "ends early, expected a unit of time (us, ms, s)",
    );
    refused("failed < 5ms", "has `ms`, expected % or nothing");
    refused(
        "rows.mean > 5%",
        "has `%`, expected the end of the expression",
    );
    refused("rows.mean > 5ms", "has `ms`, expected `rows` or nothing");
    refused("empty < 5", "has the limit 500 %");
    refused("rows < 5", "expected a figure");
    refused(
        "failed < 5",
        "has the limit 500 %, expected a share from 0 to 1, or from 0% to 100%",
    );
    refused("join.matched > 101%", "has the limit 101 %");
    refused("achieved_rate > 99", "has the limit 9900 %");
    refused(
        "gap.p50 < 5msec",
        "has `msec`, expected a unit of time (us, ms, s)",
    );
    refused(
        "response_time.p99 < fast",
        "a number with its unit, or phase",
    );
    refused(
        "response_time.p99 < 2 * 5ms",
        "has `5ms`, expected a number",
    );
    refused(
        "response_time.p99 < phase(alone).gap.p50",
        "a name in (\"...\")",
    );
    refused(
        "response_time.p99 < phase(\"alone\").failed",
        "compares figures of different units",
    );
    refused(
        "area(\"engines\").p99 < 5ms",
        "names the area \"engines\", expected one of send lag, ",
    );
    refused(
        "gap.p99.worst(\"10s\") < 5ms",
        "`.worst`, which is for response_time",
    );
    refused(
        "response_time.p99.worst(\"500ms\") < 5ms",
        "windows of \"500ms\", expected whole seconds",
    );
    refused(
        "gap.p50 < 5ms and more",
        "has `and more`, expected the end of the expression",
    );
}

#[test]
fn figures_that_need_the_whole_run_are_no_reason_to_end_it() {
    let check = |text: &str, words: Option<&str>| {
        let found = Expression::parse(text).expect(text).silent_while_measured();
        assert_eq!(found.is_some(), words.is_some(), "{text}: {found:?}");
        assert!(
            found
                .unwrap_or_default()
                .contains(words.unwrap_or_default()),
            "{text}: {found:?}"
        );
    };
    check("response_time.p99 < 20ms", None);
    check("failed < 1%", None);
    check("throughput > 10", None);
    check("empty < 1%", None);
    check("rows.mean >= 10", None);
    check("gap.p99 < 20ms", Some("not known before"));
    check("area(\"engine\").p99 < 20ms", Some("not known before"));
    check("achieved_rate > 90%", Some("not known before"));
    check(
        "response_time.p99.worst(\"10s\") < 20ms",
        Some("already has a window, `over`"),
    );
    check(
        "response_time.p99 < 2 * phase(\"alone\").response_time.p99",
        Some("use a number"),
    );
}
