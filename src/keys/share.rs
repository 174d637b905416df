//! A share of rows as a scenario has it: what the reader takes is what the schema says.

/// A plain percentage, from 0 to 100.
pub(super) const PATTERN: &str = r"^\s*(100(\.0*)?|[0-9]{1,2}(\.[0-9]*)?)\s*%\s*$";

/// The percentage of `text`, in [0, 100]; None where it is no plain one such as `"80%"`.
#[must_use]
pub fn percentage(text: &str) -> Option<f64> {
    let number = text.trim().strip_suffix('%')?.trim_end();
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = matches!(whole.len(), 1..=2) || whole == "100";
    let percent = number.parse().ok()?;
    (is_plain && digits(whole) && digits(part) && percent <= 100.0).then_some(percent)
}
