//! Who gave the address of a server: advice on an address names what it was taken from, for every
//! link alike.

use super::Plan;

/// Who gave an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressGiver {
    /// The scenario, or nobody: it is the default.
    #[default]
    Scenario,
    /// This flag.
    Flag(&'static str),
    /// This environment variable.
    Variable(&'static str),
}

/// Flag and keys of an address, as texts have them.
const WORDS: [(&str, &[&str]); 3] = [
    ("--uri", &["[milvus] uri"]),
    (
        "--spans",
        &["[tracing.spans] endpoint", "tracing.spans endpoint"],
    ),
    ("--otlp", &["[tracing] export"]),
];

/// What stands before keys where one piece of advice is about two addresses.
const OF_TWO: &str = "--otlp and --spans, or in the scenario: ";

impl Plan {
    /// `text` with the flag or variable that gave an address in place of the key that did not.
    #[must_use]
    pub fn named_by_giver(&self, text: &str) -> String {
        let export = self.tracing.export.as_ref();
        let givers = [
            self.milvus.uri_giver,
            self.tracing.endpoint_giver,
            export.map_or(AddressGiver::Scenario, |export| export.giver),
        ];
        named(text, givers)
    }
}

fn named(text: &str, givers: [AddressGiver; 3]) -> String {
    let mut text = text.to_owned();
    if givers[1..]
        .iter()
        .any(|giver| *giver != AddressGiver::Scenario)
    {
        text = text.replace(OF_TWO, "");
    }
    for ((flag, keys), giver) in WORDS.iter().zip(givers) {
        let (name, equals) = match giver {
            AddressGiver::Scenario => continue,
            AddressGiver::Flag(name) => (name, " "),
            AddressGiver::Variable(name) => (name, "="),
        };
        for key in *keys {
            let forms = [
                format!("{flag}, or in the scenario: {key}"),
                format!("{flag}, or {key} in the scenario"),
                format!("in the scenario: {key}"),
                format!("{key} in the scenario"),
                (*key).to_owned(),
            ];
            for form in forms {
                text = replaced(&text, &form, name, equals);
            }
        }
    }
    text
}

/// `form = "VALUE"` becomes `name`, `equals` and the value, any other `form` becomes `name`.
fn replaced(text: &str, form: &str, name: &str, equals: &str) -> String {
    let mut parts = text.split(form);
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        all += name;
        let value = part.strip_prefix(" = \"").and_then(|of| of.split_once('"'));
        match value {
            Some((value, rest)) => all.extend([equals, value, rest]),
            None => all += part,
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{
        AddressGiver::{Flag, Scenario, Variable},
        *,
    };

    #[test]
    fn advice_names_the_flag_or_variable_that_gave_the_address() {
        let check = |text: &str, givers, expected: &str| {
            assert_eq!(named(text, givers), expected);
        };
        let uri = "--uri, or in the scenario: [milvus] uri = \"http://HOST:19530\"; its log";
        check(uri, [Scenario; 3], uri);
        check(
            uri,
            [Flag("--uri"), Scenario, Scenario],
            "--uri http://HOST:19530; its log",
        );
        check(
            uri,
            [Variable("MILVUS_URI"), Scenario, Scenario],
            "MILVUS_URI=http://HOST:19530; its log",
        );
        check(
            "write http:// in [milvus] uri, or the port",
            [Flag("--uri"), Scenario, Scenario],
            "write http:// in --uri, or the port",
        );
        check(
            "or set tracing.spans endpoint; write https:// in [tracing.spans] endpoint",
            [Scenario, Flag("--spans"), Scenario],
            "or set --spans; write https:// in --spans",
        );
        check(
            "--otlp and --spans, or in the scenario: [tracing] export and [tracing.spans] \
             endpoint: host of one Jaeger",
            [Scenario, Scenario, Variable("OTEL_EXPORTER_OTLP_ENDPOINT")],
            "OTEL_EXPORTER_OTLP_ENDPOINT and [tracing.spans] endpoint: host of one Jaeger",
        );
    }
}
