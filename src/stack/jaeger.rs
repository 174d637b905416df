//! Jaeger as a process: which generation a binary is, and its settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::health::Health;
use super::process::Program;
use super::{Ports, StackError};

/// Traces that the memory store keeps; about 26 KB each for searches, 2.6 GB in all.
const MAX_TRACES: u32 = 100_000;

/// Spans that wait for the store before the collector drops some. The default of 2,000 is less than
/// a second of load.
const QUEUE_SIZE: u32 = 100_000;

/// The collector's memory is watched by Go's soft limit, and a leak ends at the hard one, before
/// the machine swaps.
const SOFT_MEMORY: &str = "4GiB";
const HARD_MEMORY_KIB: u64 = 12_000_000;

/// Longest wait for `--help` and `version`.
const ANSWER: Duration = Duration::from_secs(20);

/// A Jaeger binary that was asked what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Installed {
    pub(super) binary: PathBuf,
    pub(super) generation: Generation,
    pub(super) version: String,
}

/// How a Jaeger is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// 1.x all-in-one: flags; with those that this one knows.
    One(Vec<String>),
    /// 2.x: a configuration file.
    Two,
}

impl Installed {
    /// Asks `binary` what it is.
    ///
    /// # Errors
    /// It can't be run, or is no Jaeger that takes OTLP.
    pub(super) async fn probe(binary: &Path) -> Result<Self, StackError> {
        let refuse = |reason: String| StackError::Jaeger(binary.to_owned(), reason);
        let help = output(binary, "--help").await.map_err(refuse)?;
        let generation = generation(&help).map_err(refuse)?;
        let version = output(binary, "version")
            .await
            .ok()
            .and_then(|text| version(&text))
            .unwrap_or_else(|| "unknown".to_owned());
        Ok(Self {
            binary: binary.to_owned(),
            generation,
            version,
        })
    }

    /// Path of the health page on the admin port.
    pub(super) fn health_path(&self) -> &'static str {
        match self.generation {
            Generation::One(_) => "/",
            Generation::Two => "/status",
        }
    }

    /// What to start; for 2.x its configuration is written into the stack's folder.
    pub(super) fn program(&self, folder: &Path, ports: &Ports) -> Result<Program, StackError> {
        let arguments = match &self.generation {
            Generation::One(known) => flags(ports)
                .into_iter()
                .filter(|(name, _)| known.contains(name))
                .map(|(n, v)| format!("{n}={v}"))
                .collect(),
            Generation::Two => {
                let file = folder.join("data/jaeger.yaml");
                std::fs::write(&file, configuration(ports))
                    .map_err(StackError::file("write", &file))?;
                vec!["--config".to_owned(), file.display().to_string()]
            }
        };
        let environment = [
            // 1.45 and older need to be told, newer ones don't mind.
            ("COLLECTOR_OTLP_ENABLED", "true"),
            // Jaeger's traces of itself would push out measured ones; later 1.x and 2.x ignore the
            // first.
            ("JAEGER_DISABLED", "true"),
            ("OTEL_TRACES_SAMPLER", "always_off"),
            ("SPAN_STORAGE_TYPE", "memory"),
            ("GOMEMLIMIT", SOFT_MEMORY),
        ];
        Ok(Program {
            name: "Jaeger",
            path: self.binary.clone(),
            arguments,
            environment: BTreeMap::from(
                environment.map(|(key, value)| (key.to_owned(), value.to_owned())),
            ),
            folder: folder.join("data"),
            log: folder.join("logs/jaeger.log"),
            address: format!("127.0.0.1:{}", ports.jaeger_grpc),
            memory_kib: Some(HARD_MEMORY_KIB),
            ends_in_order: true,
        })
    }
}

/// When Jaeger is ready: its health page says so and both the query and the OTLP port are open.
pub(super) fn health(ports: &Ports, path: &str) -> Health {
    Health {
        port: ports.jaeger_admin,
        path: path.to_owned(),
        word: "",
        open: vec![ports.jaeger_grpc, ports.otlp_grpc],
    }
}

async fn output(binary: &Path, argument: &str) -> Result<String, String> {
    let mut command = Command::new(binary);
    command
        .arg(argument)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(ANSWER, command.output())
        .await
        .map_err(|_| format!("`{argument}` gave no answer within {} s", ANSWER.as_secs()))?;
    let output = output.map_err(|error| error.to_string())?;
    Ok(format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

fn generation(help: &str) -> Result<Generation, String> {
    let known: Vec<String> = help
        .split_whitespace()
        .filter(|word| word.starts_with("--"))
        .map(|word| word.trim_end_matches([',', '=']).to_owned())
        .collect();
    let knows = |flag: &str| known.iter().any(|known| known == flag);
    if knows("--collector.otlp.grpc.host-port") && knows("--query.grpc-server.host-port") {
        Ok(Generation::One(known))
    } else if knows("--config") && help.to_ascii_lowercase().contains("jaeger") {
        Ok(Generation::Two)
    } else {
        Err(
            "its --help names neither --collector.otlp.grpc.host-port (1.x) nor --config (2.x)"
                .to_owned(),
        )
    }
}

/// Both generations print `{"gitCommit":...,"gitVersion":"v1.46.0",...}`, with empty texts when
/// built by `go install`.
fn version(text: &str) -> Option<String> {
    let start = text.find('{')?;
    let mut values =
        serde_json::Deserializer::from_str(text.get(start..)?).into_iter::<serde_json::Value>();
    let version = values
        .next()?
        .ok()?
        .get("gitVersion")?
        .as_str()?
        .trim_start_matches('v')
        .to_owned();
    let plain =
        !version.is_empty() && version.len() <= 60 && version.chars().all(|c| c.is_ascii_graphic());
    plain.then_some(version)
}

fn flags(ports: &Ports) -> Vec<(String, String)> {
    let addresses = [
        ("--query.grpc-server.host-port", ports.jaeger_grpc),
        ("--query.http-server.host-port", ports.jaeger_http),
        ("--collector.otlp.grpc.host-port", ports.otlp_grpc),
        ("--collector.otlp.http.host-port", ports.otlp_http),
        ("--admin.http.host-port", ports.jaeger_admin),
        (
            "--collector.grpc-server.host-port",
            ports.jaeger_collector_grpc,
        ),
        (
            "--collector.http-server.host-port",
            ports.jaeger_collector_http,
        ),
        // The agent, until 1.60 or so.
        ("--http-server.host-port", ports.jaeger_sampling),
        (
            "--processor.jaeger-compact.server-host-port",
            ports.agent_compact,
        ),
        (
            "--processor.jaeger-binary.server-host-port",
            ports.agent_binary,
        ),
        (
            "--processor.zipkin-compact.server-host-port",
            ports.agent_zipkin,
        ),
    ];
    let limits = [
        ("--memory.max-traces", MAX_TRACES.to_string()),
        ("--collector.queue-size", QUEUE_SIZE.to_string()),
        ("--log-level", "warn".to_owned()),
    ];
    let addresses = addresses.map(|(name, port)| (name, format!("127.0.0.1:{port}")));
    addresses
        .into_iter()
        .chain(limits)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The configuration of 2.x; JSON is YAML. Its health page takes the port of 1.x' admin page, its
/// metrics that of 1.x' HTTP collector.
fn configuration(ports: &Ports) -> String {
    let at = |port: u16| format!("127.0.0.1:{port}");
    serde_json::json!({
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
            "pipelines": {"traces": {
                "receivers": ["otlp"],
                "processors": ["batch"],
                "exporters": ["jaeger_storage_exporter"],
            }},
            "telemetry": {"metrics": {"level": "detailed", "readers": [
                {"pull": {"exporter": {"prometheus": {
                    "host": "127.0.0.1",
                    "port": ports.jaeger_collector_http,
                }}}},
            ]}},
        },
        "extensions": {
            "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": MAX_TRACES}}}},
            "jaeger_query": {
                "enable_tracing": false,
                "storage": {"traces": "memory"},
                "http": {"endpoint": at(ports.jaeger_http)},
                "grpc": {"endpoint": at(ports.jaeger_grpc)},
            },
            "healthcheckv2": {"use_v2": true, "http": {"endpoint": at(ports.jaeger_admin)}},
        },
        "receivers": {"otlp": {"protocols": {
            "grpc": {"endpoint": at(ports.otlp_grpc), "max_recv_msg_size_mib": 64},
            "http": {"endpoint": at(ports.otlp_http)},
        }}},
        "processors": {"batch": {}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str =
        "Usage:\n  all-in-one [flags]\n      --collector.otlp.grpc.host-port string   The host:port
      --query.grpc-server.host-port string\n      --memory.max-traces int";

    #[test]
    fn the_generation_follows_from_the_help() {
        assert!(matches!(generation(ONE), Ok(Generation::One(_))));
        assert_eq!(
            generation("Jaeger backend v2\n  --config string\n  --set"),
            Ok(Generation::Two)
        );
        assert!(generation("usage: something --config x").is_err());
        assert!(generation("").is_err());
        assert!(
            generation("all-in-one before 1.35: --query.grpc-server.host-port").is_err(),
            "no OTLP"
        );
    }

    #[test]
    fn only_known_flags_are_passed() {
        let generation = generation(ONE).unwrap();
        let jaeger = Installed {
            binary: "/j".into(),
            generation,
            version: String::new(),
        };
        let program = jaeger.program(Path::new("/f"), &Ports::default()).unwrap();
        let expected = [
            "--query.grpc-server.host-port=127.0.0.1:16685",
            "--collector.otlp.grpc.host-port=127.0.0.1:4317",
            "--memory.max-traces=100000",
        ];
        assert_eq!(program.arguments, expected);
        assert_eq!(program.environment["COLLECTOR_OTLP_ENABLED"], "true");
        assert_eq!(program.environment["OTEL_TRACES_SAMPLER"], "always_off");
    }

    #[test]
    fn every_port_of_jaeger_is_set() {
        let flags: Vec<String> = flags(&Ports::default())
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        for need in Ports::default().of_jaeger() {
            assert!(
                flags.contains(&format!("127.0.0.1:{}", need.port)),
                "{} is not set",
                need.what
            );
        }
    }

    fn check_version(text: &str, expected: Option<&str>) {
        assert_eq!(version(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn the_version_is_read_where_there_is_one() {
        check_version(
            r#"{"gitCommit":"x","gitVersion":"v1.46.0","buildDate":""}"#,
            Some("1.46.0"),
        );
        check_version(
            "a log line\n{\"gitVersion\":\"v2.20.0\"}\nmore",
            Some("2.20.0"),
        );
        check_version(r#"{"gitCommit":"","gitVersion":"","buildDate":""}"#, None);
        check_version(r#"{"gitVersion":"\u001b[2J"}"#, None);
        check_version("unknown command", None);
        check_version("{", None);
    }

    #[test]
    fn the_configuration_of_2_x_is_on_loopback_only() {
        let text = configuration(&Ports::default());
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            parsed["extensions"]["jaeger_query"]["grpc"]["endpoint"],
            "127.0.0.1:16685"
        );
        assert!(!text.contains("0.0.0.0"));
    }

    #[tokio::test]
    async fn what_is_no_jaeger_is_refused_with_a_reason() {
        let absent = Installed::probe(Path::new("/nowhere/jaeger"))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            absent.contains("/nowhere/jaeger is not a usable Jaeger binary: No such file"),
            "{absent}"
        );
        let other = Installed::probe(Path::new("/bin/true"))
            .await
            .unwrap_err()
            .to_string();
        assert!(other.contains("names neither"), "{other}");
    }
}
