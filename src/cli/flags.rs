//! Advice of a span source names keys of the scenario; where a command has flags for them, it says
//! those.

/// Keys as messages have them, and the flags of `spans`.
pub(super) const OF_SPANS: &[(&str, &str)] = &[
    ("tracing.spans endpoint", "--endpoint"),
    ("tracing.spans headers", "--header-env"),
    ("tracing.spans source = \"", "--source with \""),
    ("tracing.spans deadline", "--deadline"),
];

/// The same of `doctor` without a scenario.
pub(super) const OF_DOCTOR: &[(&str, &str)] = &[("tracing.spans endpoint", "--spans")];

/// `text` with flags in the place of keys.
pub(super) fn said_by_flags(text: &str, flags: &[(&str, &str)]) -> String {
    flags
        .iter()
        .fold(text.to_owned(), |text, (key, flag)| text.replace(key, flag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_stand_where_keys_of_the_scenario_would() {
        let text = "no Tempo answers: start it, or set tracing.spans endpoint";
        assert!(said_by_flags(text, OF_SPANS).ends_with("or set --endpoint"));
        assert!(said_by_flags(text, OF_DOCTOR).ends_with("or set --spans"));
        let source = "choose tracing.spans source = \"tempo\"";
        assert_eq!(
            said_by_flags(source, OF_SPANS),
            "choose --source with \"tempo\""
        );
        assert_eq!(said_by_flags(source, OF_DOCTOR), source);
    }
}
