//! Values as other tools have them: what is meant by a duration, a number or a rate that is not
//! written as a scenario has it.

use std::time::Duration;

use super::words::plain_number;
use crate::keys::LONGEST;

/// Units of time in any case, each as a scenario has it; of several in a row without a unit the
/// next smaller one is meant.
const UNITS: &[(&str, &[&str])] = &[
    ("d", &["d", "day", "days"]),
    ("h", &["h", "hr", "hrs", "hour", "hours"]),
    ("m", &["m", "min", "mins", "minute", "minutes"]),
    ("s", &["s", "sec", "secs", "second", "seconds"]),
    (
        "ms",
        &[
            "ms",
            "msec",
            "msecs",
            "millis",
            "millisecond",
            "milliseconds",
        ],
    ),
    (
        "us",
        &[
            "us",
            "µs",
            "usec",
            "usecs",
            "micros",
            "microsecond",
            "microseconds",
        ],
    ),
    (
        "ns",
        &["ns", "nsec", "nsecs", "nanos", "nanosecond", "nanoseconds"],
    ),
];

/// The duration that is meant by `text`, as a scenario has it; None where that can't be said.
pub(super) fn duration(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase();
    // ISO 8601: PT5M.
    let plain = lower.strip_prefix("pt").unwrap_or(&lower);
    let time = clock(plain).or_else(|| of_units(plain))?;
    let is_right = time <= LONGEST;
    is_right.then(|| humantime::format_duration(time).to_string())
}

/// Why `text` is none, where a reader may wonder.
pub(super) fn why_not(text: &str) -> &'static str {
    let number = text.trim().trim_end_matches('M').trim_end();
    let is_month =
        number.len() < text.trim().len() && number.chars().all(|c| c.is_ascii_digit() || c == ' ');
    if is_month {
        ": units are in lower case, and M would be months"
    } else if text.chars().any(char::is_uppercase) {
        ": units are in lower case"
    } else if text.trim().ends_with(|c: char| c.is_ascii_digit()) {
        ", each number with a unit"
    } else {
        ""
    }
}

/// `1:30` or `0:01:30`.
fn clock(text: &str) -> Option<Duration> {
    let parts: Vec<u64> = text
        .split(':')
        .map(|part| part.trim().parse().ok())
        .collect::<Option<_>>()?;
    let seconds = match parts[..] {
        [minutes, seconds] => minutes.checked_mul(60)?.checked_add(seconds)?,
        [hours, minutes, seconds] => hours
            .checked_mul(60)?
            .checked_add(minutes)?
            .checked_mul(60)?
            .checked_add(seconds)?,
        _ => return None,
    };
    Some(Duration::from_secs(seconds))
}

/// Numbers with units, one after the other.
fn of_units(text: &str) -> Option<Duration> {
    let (mut rest, mut sum, mut last) = (text.trim(), Duration::ZERO, None);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '_')));
        let (number, after) = rest.split_at(end.unwrap_or(rest.len()));
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_alphabetic());
        let (unit, after) = after.split_at(end.unwrap_or(after.len()));
        let index = match (unit, last) {
            ("", None) => 3,
            ("", Some(before)) => before + 1,
            (unit, _) => UNITS.iter().position(|(_, names)| names.contains(&unit))?,
        };
        let unit = humantime::parse_duration(&format!("1{}", UNITS.get(index)?.0)).ok()?;
        let number = number.replace('_', "");
        // 1,000 is a thousand; the comma of 0,5 is a decimal point.
        let number = grouped_by_commas(&number).unwrap_or_else(|| number.replace(',', "."));
        let number: f64 = number.parse().ok()?;
        let nanos = unit.as_nanos() as f64 * number;
        if !(0.0..=LONGEST.as_nanos() as f64).contains(&nanos) {
            return None;
        }
        sum = sum.checked_add(Duration::from_nanos(nanos.round() as u64))?;
        last = Some(index);
        rest = after.trim_start_matches([' ', ',', '-', '+']);
    }
    Some(sum)
}

/// The whole number that is meant by `text`: digits, also grouped, or with a factor such as `100k`.
pub(super) fn number(text: &str) -> Option<i64> {
    let plain: String = text.trim().to_lowercase();
    let (digits, factor) = match plain.char_indices().last()? {
        (at, 'k') => (&plain[..at], 1e3),
        (at, 'm') => (&plain[..at], 1e6),
        (at, 'b' | 'g') => (&plain[..at], 1e9),
        _ => (&plain[..], 1.0),
    };
    let digits: String = digits
        .chars()
        .filter(|c| !matches!(c, '_' | ' ' | '\''))
        .collect();
    let number = grouped_by_commas(&digits)
        .unwrap_or(digits)
        .parse::<f64>()
        .ok()?
        * factor;
    let is_whole = number.fract() == 0.0 && number.abs() < 1e15;
    is_whole.then_some(number as i64)
}

/// `1,000,000` without its commas.
fn grouped_by_commas(digits: &str) -> Option<String> {
    let mut groups = digits.split(',');
    let first = groups.next()?;
    let fits = |group: &str| group.len() == 3 && group.chars().all(|c| c.is_ascii_digit());
    let is_grouped =
        (1..=3).contains(&first.len()) && groups.all(fits) && (first != "0" || digits == "0");
    is_grouped.then(|| digits.replace(',', ""))
}

/// The rate that is meant by `text`, as a scenario has it.
pub(super) fn rate(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase();
    let end = lower
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_' | ',')))
        .unwrap_or(lower.len());
    let (digits, words) = lower.split_at(end);
    let (factor, words) = match words.strip_prefix('k') {
        Some(words) => (1e3, words),
        None => (1.0, words),
    };
    let words = words.trim().replace(" per ", "/").replace(' ', "");
    let (what, per) = words.split_once('/').unwrap_or((&words, "s"));
    let seconds = match per {
        "s" | "sec" | "second" => 1.0,
        "m" | "min" | "minute" => 60.0,
        "h" | "hour" => 3600.0,
        _ => return None,
    };
    let digits = digits.replace('_', "");
    let digits = grouped_by_commas(&digits).unwrap_or(digits);
    let number = digits.parse::<f64>().ok()? * factor / seconds;
    match what {
        "rows" | "row" => Some(format!("\"{} rows/s\"", plain_number(number))),
        "" | "r" | "req" | "reqs" | "request" | "requests" | "q" | "queries" | "rps" | "qps"
        | "tps" | "ops" => Some(plain_number(number)),
        _ => None,
    }
}

/// True or false, as other formats have it.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// A whole number in groups of three digits, as TOML has them.
pub(super) fn underscored(number: i64) -> String {
    crate::keys::grouped(number).replace(',', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_other_tools_are_understood() {
        let check = |text: &str, meant: Option<&str>| {
            assert_eq!(duration(text).as_deref(), meant, "{text}");
        };
        check("5M", Some("5m"));
        check("1H", Some("1h"));
        check("10S", Some("10s"));
        check("500 MS", Some("500ms"));
        check("5 Minutes", Some("5m"));
        check("1h30", Some("1h 30m"));
        check("1.5 S", Some("1s 500ms"));
        check("0,5h", Some("30m"));
        check("PT5M", Some("5m"));
        check("5,000 ms", Some("5s"));
        check("1,000s", Some("16m 40s"));
        check("0,500s", Some("500ms"));
        check("1:30", Some("1m 30s"));
        check("1:00:00", Some("1h"));
        check("30", Some("30s"));
        check("-5s", None);
        check("soon", None);
        check("", None);
        check("99999999999999999999d", None);
        check("5M later", None);
    }

    #[test]
    fn numbers_and_rates_of_other_tools_are_understood() {
        let check = |text: &str, meant: Option<i64>| assert_eq!(number(text), meant, "{text}");
        check("128", Some(128));
        check("100k", Some(100_000));
        check("1.5M", Some(1_500_000));
        check("1,000,000", Some(1_000_000));
        check("1_000", Some(1000));
        check("many", None);
        check("0.5", None);
        check("0,500", None);
        let check = |text: &str, meant: Option<&str>| {
            assert_eq!(rate(text).as_deref(), meant, "{text}");
        };
        check("200", Some("200"));
        check("200 rps", Some("200"));
        check("200/sec", Some("200"));
        check("5k/s", Some("5000"));
        check("600/min", Some("10"));
        check("200 requests per second", Some("200"));
        check("5000 rows/sec", Some("\"5000 rows/s\""));
        check("fast", None);
    }
}
