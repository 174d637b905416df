//! Values of flags: what does not fit is answered with what does.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

use crate::keys::duration_words;

/// The parser of a whole number in `range`.
pub(super) fn whole<T>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text| {
        let number = text.trim().parse().ok();
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (start, end) = (range.start(), range.end());
                format!("expected a whole number from {start} to {end}")
            })
    }
}

/// The parser of a duration in `range`, as a scenario has them.
pub(super) fn duration(
    range: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    move |text| {
        let duration = humantime::parse_duration(text).ok();
        duration
            .filter(|duration| range.contains(duration))
            .ok_or_else(|| {
                let (start, end) = (range.start(), range.end());
                format!(
                    "expected a duration from {} to {}, e.g. 30s",
                    duration_words(*start),
                    duration_words(*end)
                )
            })
    }
}
