//! Examples of each command, for `--help` and the man pages.

use clap::Command;

/// A command, and its examples: what for, and the line without the program's name.
type Row = (&'static str, &'static [(&'static str, &'static str)]);

/// Every command with its examples.
const EXAMPLES: &[Row] = &[
    (
        "run",
        &[
            (
                "run a scenario against its Milvus",
                "run scenarios/quickstart.toml",
            ),
            (
                "with a local Milvus and Jaeger",
                "run scenarios/quickstart.toml --stack",
            ),
            (
                "another Milvus and another rate",
                "run s.toml --uri http://milvus:19530 --set workloads.search.rate=500",
            ),
            (
                "three rounds, for a comparison",
                "run s.toml --repeat 3 --results results/new",
            ),
            (
                "in CI: JUnit on stdout",
                "run s.toml --quiet --report junit",
            ),
        ],
    ),
    (
        "check",
        &[
            (
                "show what a run would do, and every error",
                "check scenarios/quickstart.toml",
            ),
            (
                "the plan with every default, as JSON",
                "check s.toml --resolved",
            ),
            ("a scenario from stdin", "check -"),
        ],
    ),
    (
        "doctor",
        &[
            ("the local Milvus and Jaeger", "doctor"),
            (
                "use the settings of a scenario",
                "doctor scenarios/quickstart.toml",
            ),
            (
                "others",
                "doctor --uri http://milvus:19530 --spans http://jaeger:16685 --otlp \
                 http://jaeger:4317",
            ),
        ],
    ),
    (
        "stack",
        &[
            ("start a local Milvus and Jaeger", "stack up"),
            ("show its addresses", "stack status"),
            ("stop it", "stack down"),
        ],
    ),
    (
        "report",
        &[
            ("the newest run, as text", "report"),
            (
                "one run, as the comment of a pull request",
                "report results/a --report markdown",
            ),
        ],
    ),
    (
        "trace",
        &[
            ("the slowest request of the newest run", "trace"),
            ("one at the 99th percentile", "trace results/a p99"),
        ],
    ),
    (
        "spans",
        &[
            ("fetch the missing spans of the newest run", "spans"),
            (
                "from a Tempo that requires a token",
                "spans results/a --source tempo --endpoint http://tempo:3200 --header-env \
                 authorization=TEMPO_TOKEN",
            ),
        ],
    ),
    (
        "compare",
        &[
            (
                "three runs against three",
                "compare --baseline results/old --run results/new",
            ),
            (
                "fail if it got slower by more than 5 %",
                "compare --baseline results/old --run results/new --fail-if-slower 5%",
            ),
        ],
    ),
    (
        "init",
        &[
            ("the only collection", "init --uri http://milvus:19530"),
            ("into a file", "init words --out words.toml"),
        ],
    ),
    (
        "data",
        &[
            ("what is in a file, or in a folder", "data info base.fbin"),
            (
                "the first million rows as another format",
                "data convert base.hdf5 base.fbin --rows 0..1_000_000",
            ),
            (
                "a thousand rows split off as queries",
                "data convert all.npy base.fbin --queries 1000",
            ),
            (
                "fetch what a scenario names by address",
                "data fetch s.toml",
            ),
        ],
    ),
    (
        "list",
        &[
            ("runs below the current folder", "list"),
            ("elsewhere", "list --results results"),
        ],
    ),
    ("schema", &[("for an editor", "schema")]),
    ("completions", &[("for bash", "completions bash")]),
    (
        "man",
        &[
            ("the page of a command", "man run"),
            ("all pages, into a folder", "man --out man1"),
        ],
    ),
    (
        "calibrate",
        &[
            ("every cell", "calibrate"),
            ("some of them", "calibrate --only d768 --duration 500ms"),
        ],
    ),
];

/// The commands with their examples below the help.
pub(super) fn with_examples(command: Command) -> Command {
    EXAMPLES.iter().fold(command, |command, (name, examples)| {
        let lines: Vec<String> = examples
            .iter()
            .map(|(what, line)| format!("  # {what}\n  milvus-bench {line}"))
            .collect();
        let text = format!("Examples:\n{}", lines.join("\n"));
        command.mut_subcommand(*name, |of| of.after_long_help(text))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::command, *};

    #[test]
    fn every_command_has_examples() {
        let command = command();
        for of in command.get_subcommands().filter(|of| !of.is_hide_set()) {
            let name = of.get_name();
            assert!(EXAMPLES.iter().any(|(row, _)| *row == name), "{name}");
            let help = of.clone().render_long_help().to_string();
            assert!(help.contains("Examples:\n  # "), "{help}");
        }
    }

    #[test]
    fn every_example_can_be_typed() {
        for (name, examples) in EXAMPLES {
            for (_, line) in *examples {
                let words = ["milvus-bench"].into_iter().chain(line.split_whitespace());
                let parsed = command().try_get_matches_from(words);
                assert_eq!(line.split(' ').next(), Some(*name));
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            }
        }
    }
}
