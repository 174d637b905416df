//! What to write into which file so that Milvus exports traces.

use super::probe;

/// Where to look when a server gives no reason.
pub(super) const LOG: &str = "the log of Milvus (docker compose logs standalone; kubectl logs POD)";

/// Major, minor and patch of a version as Milvus says it (`v2.3.5`, `2.5.11-gpu`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32, u32);

impl Version {
    /// None for a text without three numbers.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut numbers = text
            .split(|c: char| !c.is_ascii_digit())
            .filter(|part| !part.is_empty())
            .map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self(next()?, next()?, next()?))
    }

    /// What `trace.exporter` is where nobody has set it.
    pub(super) fn default_exporter(version: Option<Self>) -> &'static str {
        match version {
            Some(version) if version < Version(2, 4, 2) => "stdout",
            Some(_) => "noop",
            None => "noop or stdout",
        }
    }

    fn reads_user_yaml(version: Option<Self>) -> bool {
        version.is_none_or(|version| version >= Version(2, 4, 1))
    }

    fn knows_method(version: Option<Self>) -> bool {
        version.is_some_and(|version| version >= Version(2, 4, 7))
    }
}

/// The lines that make Milvus export, and where to put them. `otlp` is the endpoint as this machine
/// sees it, `in_container` the usual one as a container sees it.
pub(super) fn export_traces(
    version: Option<Version>,
    otlp: Option<&str>,
    in_container: &str,
) -> String {
    let endpoint = endpoint_for_milvus(otlp, in_container);
    let method = if Version::knows_method(version) {
        "\n      method: grpc"
    } else {
        ""
    };
    let block = format!(
        "  trace:
    exporter: otlp
    sampleFraction: 0  # is enough: the sampled flag of each request decides
    otlp:
      endpoint: {endpoint}  # host:port as seen from Milvus, no scheme{method}
      secure: false"
    );
    let environment = format!(
        "TRACE_EXPORTER=otlp TRACE_SAMPLEFRACTION=0 TRACE_OTLP_ENDPOINT={endpoint} \
         TRACE_OTLP_SECURE=false"
    );
    format!(
        "{}\n{block}\nor in Milvus' environment: {environment}\nthen restart Milvus",
        files(version)
    )
}

fn files(version: Option<Version>) -> &'static str {
    if Version::reads_user_yaml(version) {
        "Compose: a file user.yaml, mounted by volumes: \
         [\"./user.yaml:/milvus/configs/user.yaml\"]\nHelm: below extraConfigFiles: user.yaml: |+ \
         in values.yaml; with only these lines:"
    } else {
        "the whole milvus.yaml (this version reads no user.yaml), its trace block changed \
         to\n(Helm: below extraConfigFiles: user.yaml: |+ in values.yaml, which the chart \
         merges):"
    }
}

/// A loopback address is right for processes on one machine and wrong within a container.
fn endpoint_for_milvus(otlp: Option<&str>, in_container: &str) -> String {
    match otlp {
        Some(otlp) if !probe::is_loopback(otlp) => probe::place(otlp),
        _ => in_container.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_servers_say_them() {
        for (text, expected) in [
            ("v2.3.5-lite", Some(Version(2, 3, 5))),
            ("2.5.11-gpu", Some(Version(2, 5, 11))),
            ("milvus_lite-3.2.2", Some(Version(3, 2, 2))),
            ("master", None),
            ("v2.3", None),
            ("v99999999999.1.1", None),
        ] {
            assert_eq!(Version::read(text), expected, "{text}");
        }
    }

    fn check(version: Option<&str>, otlp: Option<&str>, has: &[&str], has_not: &[&str]) {
        let text = export_traces(version.and_then(Version::read), otlp, "jaeger:4317");
        for word in has {
            assert!(text.contains(word), "{word} is not in\n{text}");
        }
        for word in has_not {
            assert!(!text.contains(word), "{word} is in\n{text}");
        }
    }

    #[test]
    fn the_block_is_yaml_as_2_5_11_reads_it() {
        let block = "
  trace:
    exporter: otlp
    sampleFraction: 0  # is enough: the sampled flag of each request decides
    otlp:
      endpoint: otel.example:4317  # host:port as seen from Milvus, no scheme
      method: grpc
      secure: false
";
        check(
            Some("v2.5.11"),
            Some("http://otel.example:4317"),
            &[block, "/milvus/configs/user.yaml"],
            &["whole milvus.yaml"],
        );
    }

    #[test]
    fn old_versions_have_no_user_yaml_and_no_method() {
        check(
            Some("v2.3.5"),
            None,
            &[
                "whole milvus.yaml",
                "endpoint: jaeger:4317",
                "no scheme\n      secure: false\n",
            ],
            &["method:", "mounted"],
        );
    }

    #[test]
    fn a_loopback_address_is_not_handed_to_a_container() {
        check(
            None,
            Some("http://127.0.0.1:4317"),
            &["endpoint: jaeger:4317", "mounted"],
            &["127.0.0.1", "method:"],
        );
    }

    #[test]
    fn defaults_of_the_exporter_changed_in_2_4_2() {
        for (text, expected) in [
            ("2.3.5", "stdout"),
            ("2.4.1", "stdout"),
            ("2.4.2", "noop"),
            ("2.6.0", "noop"),
            ("?", "noop or stdout"),
        ] {
            assert_eq!(
                Version::default_exporter(Version::read(text)),
                expected,
                "{text}"
            );
        }
    }
}
