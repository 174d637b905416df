//! Commands and flags of other tools, and of other commands: where that is to be found here.

use clap::{
    Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

/// Commands under other names, each with what to write.
const COMMANDS: &[(&[&str], &str)] = &[
    (
        &[
            "bench",
            "benchmark",
            "start",
            "load",
            "test",
            "exec",
            "execute",
            "go",
            "stress",
            "k6",
        ],
        "milvus-bench run SCENARIO",
    ),
    (
        &["validate", "lint", "verify", "dry-run", "plan", "config"],
        "milvus-bench check SCENARIO",
    ),
    (
        &["up", "install", "serve", "server", "milvus", "jaeger"],
        "milvus-bench stack up",
    ),
    (
        &["down", "stop", "kill", "clean"],
        "milvus-bench stack down",
    ),
    (&["status", "ps"], "milvus-bench stack status"),
    (
        &["health", "ping", "diagnose", "connect", "preflight"],
        "milvus-bench doctor",
    ),
    (
        &["show", "view", "render", "reports", "summary", "explain"],
        "milvus-bench report RUN",
    ),
    (
        &["diff", "cmp", "baseline"],
        "milvus-bench compare --baseline RUN --run RUN",
    ),
    (
        &["new", "generate", "create", "scenario"],
        "milvus-bench init COLLECTION",
    ),
    (&["ls", "runs", "history", "results"], "milvus-bench list"),
    (
        &["completion", "complete"],
        "milvus-bench completions SHELL",
    ),
    (&["fetch", "traces"], "milvus-bench spans RUN"),
    (&["waterfall", "request", "span"], "milvus-bench trace RUN"),
    (
        &["tune", "capacity", "calibration"],
        "milvus-bench calibrate",
    ),
    (&["manual", "manpage"], "milvus-bench man"),
    (&["version"], "milvus-bench --version"),
    (
        &["prepare", "insert", "search", "query"],
        "milvus-bench run SCENARIO, with an operation in [workloads.<name>]",
    ),
];

/// Flags that are keys of the scenario here, each with the way to set it.
const FLAGS: &[(&[&str], &str)] = &[
    (
        &["config", "c", "file", "f", "scenario", "workload", "plan"],
        "the scenario is an argument without a flag: milvus-bench run scenario.toml",
    ),
    (
        &[
            "url", "host", "endpoint", "address", "server", "u", "H", "milvus", "port", "p",
            "target",
        ],
        "the address of Milvus is --uri, e.g. --uri http://127.0.0.1:19530",
    ),
    (
        &["duration", "d", "time", "seconds", "z"],
        "the time is `duration` of a phase: --set phases.NAME.duration=30s",
    ),
    (
        &["warmup", "warm-up", "ramp-up"],
        "the warm-up is `warmup` of a phase: --set phases.NAME.warmup=5s",
    ),
    (
        &["requests", "n", "iterations", "i", "total", "count"],
        "the number of requests is `requests` of a phase: --set phases.NAME.requests=10000",
    ),
    (
        &["rate", "qps", "rps", "r", "throughput"],
        "the rate is `rate` of a workload: --set workloads.NAME.rate=200",
    ),
    (
        &[
            "concurrency",
            "vus",
            "users",
            "callers",
            "workers",
            "parallel",
            "clients",
        ],
        "callers are `concurrency` of a workload: --set workloads.NAME.concurrency=8",
    ),
    (
        &["connections", "conns"],
        "connections are `connections` of [milvus]: --set milvus.connections=4",
    ),
    (
        &["t"],
        "load threads are --threads, callers are --set workloads.NAME.concurrency=8",
    ),
    (
        &["timeout"],
        "the timeout of a request is `timeout` of [milvus]: --set milvus.timeout=5s",
    ),
    (
        &["collection", "collection-name"],
        "the collection is `name` of [collections.<name>]: --set collections.NAME.name=words",
    ),
    (
        &["database", "db", "db-name"],
        "the database is `database` of [milvus]: --set milvus.database=NAME",
    ),
    (
        &["token", "user", "username", "password", "api-key", "auth"],
        "secrets do not belong on a command line: set MILVUS_TOKEN, or `token` of [milvus] to \
         \"${NAME}\"",
    ),
    (
        &["tls", "ca", "cacert", "cert", "key", "insecure", "k"],
        "TLS is an address with https://, its files are `tls` of [milvus]: --set \
         milvus.tls.ca=ca.pem",
    ),
    (
        &[
            "limit",
            "top-k",
            "topk",
            "nq",
            "batch",
            "batch-size",
            "filter",
            "params",
            "ef",
        ],
        "keys of an operation belong to its workload: --set workloads.NAME.limit=10",
    ),
    (
        &[
            "trace",
            "traces",
            "sample",
            "sampling",
            "sample-ratio",
            "tracing",
        ],
        "the traced share is `sample_ratio` of [tracing]: --set tracing.sample_ratio=0.1",
    ),
    (
        &["spans", "jaeger", "tempo"],
        "where spans are read is `endpoint` of [tracing.spans]: --set \
         tracing.spans.endpoint=http://127.0.0.1:16685",
    ),
    (
        &["otlp", "export"],
        "where the client's spans go is `export` of [tracing]: --set \
         tracing.export=http://127.0.0.1:4317",
    ),
    (
        &["output", "o", "output-dir", "out-dir", "dir"],
        "to name the run folder, use --out FOLDER; to name the parent of all run folders, \
         --results DIR",
    ),
    (
        &["format", "json", "csv", "html", "markdown", "junit"],
        "to select a report, use --report FORMAT, e.g. --report json; the run folder has all of \
         them",
    ),
    (
        &["dry-run", "check", "validate"],
        "to see what a run would do, use milvus-bench check",
    ),
    (
        &["threshold", "thresholds", "slo", "assert"],
        "requirements are [[thresholds]] of the scenario, e.g. require = \"response_time.p99 < \
         50ms\"",
    ),
    (&["silent", "s"], "without progress: --quiet"),
    (
        &["verbose", "v", "debug"],
        "progress goes to stderr, and everything else to the run folder",
    ),
];

/// The error with a tip where what is unknown is known under another name, or elsewhere.
pub(super) fn hinted(mut error: Error, command: &Command, arguments: &[String]) -> Error {
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let tip = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = said(ContextKind::InvalidSubcommand).unwrap_or_default();
            let told = error.get(ContextKind::SuggestedSubcommand);
            let is_told = matches!(told, Some(ContextValue::Strings(names)) if !names.is_empty());
            of_command(&word).or_else(|| nearest_command(&word, command).filter(|_| !is_told))
        }
        ErrorKind::UnknownArgument => {
            let word = said(ContextKind::InvalidArg).unwrap_or_default();
            of_flag(&word, command, arguments)
        }
        ErrorKind::InvalidValue if error.get(ContextKind::SuggestedValue).is_none() => {
            let word = said(ContextKind::InvalidValue).unwrap_or_default();
            match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(values)) => {
                    nearest(&word, values.iter().map(String::as_str))
                        .map(|value| format!("a similar value exists: '{value}'"))
                }
                _ => None,
            }
        }
        _ => None,
    };
    if let Some(tip) = tip {
        let tip = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tip);
    }
    error
}

fn nearest_command(word: &str, command: &Command) -> Option<String> {
    let shown = command.get_subcommands().filter(|of| !of.is_hide_set());
    let nearest = nearest(word, shown.map(Command::get_name))?;
    Some(format!("a similar command exists: '{nearest}'"))
}

/// The name with two letters in another order, or with one letter more or less.
fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let nearest = names.min_by_key(|name| strsim::damerau_levenshtein(word, name))?;
    (strsim::damerau_levenshtein(word, nearest) < 2).then_some(nearest)
}

fn of_command(word: &str) -> Option<String> {
    let lower = word.to_lowercase();
    if lower.ends_with(".toml") {
        return Some(format!("a scenario is run with: milvus-bench run {word}"));
    }
    let row = COMMANDS
        .iter()
        .find(|(words, _)| words.contains(&lower.as_str()));
    row.map(|(_, ours)| format!("use {ours} instead"))
}

fn of_flag(word: &str, command: &Command, arguments: &[String]) -> Option<String> {
    let name = word
        .trim_start_matches('-')
        .split('=')
        .next()
        .unwrap_or_default();
    let lower = name.to_lowercase();
    let used = arguments.iter().skip(1).find(|word| !word.starts_with('-'));
    let is_used = |of: &&Command| used.is_some_and(|used| used == of.get_name());
    let own = command.get_subcommands().find(is_used);
    // One that is nearly right is told by clap.
    let takes_scenario = own.is_none_or(|own| ["run", "check"].contains(&own.get_name()));
    let of_scenario = || {
        let row = FLAGS.iter().find(|(words, _)| {
            words.contains(&name) || (name.len() > 1 && words.contains(&lower.as_str()))
        });
        row.map(|(_, ours)| (*ours).to_owned())
    };
    let elsewhere = || {
        let has_it = |of: &&Command| {
            !of.is_hide_set() && of.get_arguments().any(|flag| flag.get_long() == Some(name))
        };
        let names: Vec<&str> = command
            .get_subcommands()
            .filter(has_it)
            .map(Command::get_name)
            .collect();
        (!names.is_empty()).then(|| format!("--{name} is a flag of: {}", names.join(", ")))
    };
    if takes_scenario {
        of_scenario().or_else(elsewhere)
    } else {
        elsewhere().or_else(of_scenario)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tip(arguments: &[&str]) -> String {
        let arguments: Vec<String> = ["milvus-bench"]
            .iter()
            .chain(arguments)
            .map(|word| (*word).to_owned())
            .collect();
        let mut command = super::super::command();
        let error = command
            .try_get_matches_from_mut(&arguments)
            .expect_err("refused");
        hinted(error, &command, &arguments).to_string()
    }

    fn check(arguments: &[&str], words: &str) {
        let text = tip(arguments);
        assert!(text.contains(words), "{words:?} is not in: {text}");
    }

    #[test]
    fn commands_of_other_tools_are_known() {
        check(
            &["bench", "x.toml"],
            "use milvus-bench run SCENARIO instead",
        );
        check(&["start"], "milvus-bench run SCENARIO");
        check(&["validate"], "milvus-bench check");
        check(&["down"], "milvus-bench stack down");
        check(
            &["scenarios/quickstart.toml"],
            "milvus-bench run scenarios/quickstart.toml",
        );
    }

    #[test]
    fn commands_and_flags_that_are_nearly_right_are_answered_by_clap() {
        check(&["rnu"], "'run'");
        check(&["run", "x.toml", "--qiet"], "'--quiet'");
        check(&["completions", "zhs"], "'zsh'");
        check(&["stack", "dwon"], "'down'");
    }

    #[test]
    fn flags_of_other_tools_and_commands_are_known() {
        check(
            &["run", "--config", "x.toml"],
            "milvus-bench run scenario.toml",
        );
        check(
            &["run", "x.toml", "--url", "y"],
            "--uri http://127.0.0.1:19530",
        );
        check(&["run", "x.toml", "--host=y"], "--uri");
        check(
            &["run", "x.toml", "-d", "30s"],
            "--set phases.NAME.duration=30s",
        );
        check(
            &["run", "x.toml", "--duration", "30s"],
            "phases.NAME.duration",
        );
        check(&["run", "x.toml", "--spans", "y"], "tracing.spans.endpoint");
        check(&["doctor", "--quiet"], "--quiet is a flag of: run");
        check(&["report", "--url", "y"], "--uri");
    }
}
