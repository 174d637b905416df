//! Where a trace is opened in the UI of its trace back end.

use crate::record::RunInfo;

/// Where a trace is opened: as the scenario says, else in Jaeger's UI, where one answered.
pub(crate) fn link(info: &RunInfo, trace_id: &str) -> Option<String> {
    let ui = || {
        info.fetch
            .as_ref()?
            .ui
            .as_ref()
            .map(|ui| format!("{}/trace/{trace_id}", ui.trim_end_matches('/')))
    };
    info.trace_link
        .as_ref()
        .map(|link| link.replace("{trace_id}", trace_id))
        .or_else(ui)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::FetchInfo;

    fn check(ui: Option<&str>, named: Option<&str>, expected: Option<&str>) {
        let fetch = Some(FetchInfo {
            ui: ui.map(str::to_owned),
            ..FetchInfo::default()
        });
        let info = RunInfo {
            fetch,
            trace_link: named.map(str::to_owned),
            ..RunInfo::default()
        };
        assert_eq!(link(&info, "0af7").as_deref(), expected);
    }

    #[test]
    fn a_link_is_there_where_something_was_found_or_named() {
        check(None, None, None);
        check(
            Some("http://jaeger:16686/"),
            None,
            Some("http://jaeger:16686/trace/0af7"),
        );
        let named = "https://grafana.example/explore?left={trace_id}&x={trace_id}";
        check(
            Some("http://jaeger:16686"),
            Some(named),
            Some("https://grafana.example/explore?left=0af7&x=0af7"),
        );
    }
}
