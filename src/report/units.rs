//! Numbers as people read them: three significant digits, a fitting unit, thousands separated.

/// What stands where there is no figure.
pub(super) const NONE: &str = "-";

/// A number with three significant digits, at most three decimals, thousands separated; `-` if it
/// is not finite.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    // The bounds are where rounding adds a digit: 9.996 is 10.0, not 10.00.
    let decimals = match value.abs() {
        size if size < 0.9995 => 3,
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        _ => 0,
    };
    let text = format!("{:.decimals$}", value.abs());
    let negative = value < 0.0 && text.chars().any(|c| matches!(c, '1'..='9'));
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    format!(
        "{}{}{fraction}",
        if negative { "-" } else { "" },
        grouped(whole)
    )
}

/// A duration in microseconds with the unit that keeps it between 1 and 1,000, if there is one.
pub(crate) fn duration(us: f64) -> String {
    match us.abs() {
        size if !size.is_finite() => NONE.to_owned(),
        size if size < 999.5 => format!("{} us", number(us)),
        size if size < 999_500.0 => format!("{} ms", number(us / 1e3)),
        _ => format!("{} s", number(us / 1e6)),
    }
}

/// A duration in microseconds as milliseconds without a unit: tables have one unit, so that columns
/// can be compared.
pub(super) fn ms(us: f64) -> String {
    number(us / 1e3)
}

/// A count with thousands separated; from ten million on in millions.
pub(crate) fn count(value: u64) -> String {
    if value < 10_000_000 {
        grouped(&value.to_string())
    } else {
        format!("{} M", number(value as f64 / 1e6))
    }
}

/// `3 requests`, `1 request`: a count with its noun, which takes an s.
pub(super) fn counted(value: u64, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        count(value),
        if value == 1 { "" } else { "s" }
    )
}

/// A share in [0, 1] as per cent: one decimal below 10 %, none above.
pub(super) fn share(value: f64) -> String {
    let percent = value * 100.0;
    match percent.abs() {
        size if !size.is_finite() => NONE.to_owned(),
        size if size > 0.0 && size < 0.05 => "<0.1 %".to_owned(),
        0.0 => "0 %".to_owned(),
        size if size < 9.95 => format!("{percent:.1} %"),
        // What is not all is not rounded up to it; a sum may miss 1 by what binary fractions do.
        size if (99.5..99.999_999_9).contains(&size) => {
            format!("{:.1} %", (percent * 10.0).trunc() / 10.0)
        }
        _ => format!("{} %", grouped_signed(percent)),
    }
}

/// A recall with three decimals, and more where it would look like 1 and is less.
pub(crate) fn recall(value: f64) -> String {
    let is_told_from_1 = |text: &String| value >= 1.0 || !text.starts_with('1');
    match (3..=6)
        .map(|decimals| format!("{value:.decimals$}"))
        .find(is_told_from_1)
    {
        _ if !value.is_finite() => NONE.to_owned(),
        Some(text) => text,
        None => "0.999999".to_owned(),
    }
}

/// `part / whole`, 0 where there is no whole.
pub(super) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn grouped_signed(value: f64) -> String {
    format!(
        "{}{}",
        if value < 0.0 { "-" } else { "" },
        grouped(&format!("{:.0}", value.abs()))
    )
}

/// Digits with a comma before every third from the end.
fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(render: fn(f64) -> String, rows: &[(f64, &str)]) {
        for (value, expected) in rows {
            assert_eq!(render(*value), *expected, "{value}");
        }
    }

    #[test]
    fn numbers_have_three_digits() {
        check(
            number,
            &[
                (0.0, "0.000"),
                (-0.0, "0.000"),
                (-0.000_1, "0.000"),
                (0.012_34, "0.012"),
                (0.9994, "0.999"),
                (0.9996, "1.00"),
                (1.0, "1.00"),
                (9.994, "9.99"),
                (9.996, "10.0"),
                (99.94, "99.9"),
                (99.96, "100"),
                (999.6, "1,000"),
                (12_345.6, "12,346"),
                (-12.34, "-12.3"),
                (-1234.0, "-1,234"),
                (1e9, "1,000,000,000"),
                (f64::NAN, "-"),
                (f64::INFINITY, "-"),
            ],
        );
    }

    #[test]
    fn durations_have_the_unit_that_fits() {
        check(
            duration,
            &[
                (0.25, "0.250 us"),
                (12.0, "12.0 us"),
                (999.4, "999 us"),
                (999.6, "1.00 ms"),
                (1300.0, "1.30 ms"),
                (999_400.0, "999 ms"),
                (999_600.0, "1.00 s"),
                (10_000_000.0, "10.0 s"),
                (3_600_000_000.0, "3,600 s"),
                (-512.3, "-512 us"),
                (f64::NAN, "-"),
            ],
        );
    }

    #[test]
    fn milliseconds_for_tables() {
        check(
            ms,
            &[
                (2100.0, "2.10"),
                (12.0, "0.012"),
                (0.4, "0.000"),
                (10_000_400.0, "10,000"),
                (f64::NAN, "-"),
            ],
        );
    }

    #[test]
    fn shares_in_per_cent() {
        check(
            share,
            &[
                (0.0, "0 %"),
                (0.000_1, "<0.1 %"),
                (0.02, "2.0 %"),
                (0.0994, "9.9 %"),
                (0.0996, "10 %"),
                (0.805, "80 %"),
                (0.994, "99 %"),
                (0.9961, "99.6 %"),
                (0.999_96, "99.9 %"),
                (1.0 - 1e-12, "100 %"),
                (1.0, "100 %"),
                (-0.031, "-3.1 %"),
                (12.5, "1,250 %"),
                (f64::NAN, "-"),
            ],
        );
    }

    #[test]
    fn a_recall_below_1_is_never_printed_as_1() {
        check(
            recall,
            &[
                (0.0, "0.000"),
                (0.987_4, "0.987"),
                (0.999_4, "0.999"),
                (0.999_6, "0.9996"),
                (0.999_96, "0.99996"),
                (0.999_999_99, "0.999999"),
                (1.0, "1.000"),
                (f64::NAN, "-"),
            ],
        );
    }

    #[test]
    fn counts_are_grouped() {
        for (value, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (9_999_999, "9,999,999"),
            (12_345_678, "12.3 M"),
            (u64::MAX, "18,446,744,073,710 M"),
        ] {
            assert_eq!(count(value), expected);
        }
        assert_eq!(counted(1, "trace"), "1 trace");
        assert_eq!(counted(0, "trace"), "0 traces");
        assert_eq!(counted(1_500, "trace"), "1,500 traces");
    }

    #[test]
    fn a_ratio_without_a_whole_is_zero() {
        assert_eq!(ratio(1.0, 4.0), 0.25);
        assert_eq!(ratio(0.0, 0.0), 0.0);
    }
}
