//! The scenario of searches that runs against a server that does no work.

/// Its text; `benches/engine.py` reads the same file.
const TEMPLATE: &str = include_str!("scenario.toml");

/// What differs between scenarios of searches against a [`NullMilvus`](super::NullMilvus). Every
/// field is written as it stands, so that a value may be a table of TOML and lines may be several.
#[derive(Clone, Debug)]
pub struct NullScenario {
    /// `[milvus] uri`.
    pub uri: String,
    /// `[milvus] connections`.
    pub connections: String,
    /// `[tracing] sample_ratio`.
    pub sample_ratio: String,
    /// `[tracing] export`.
    pub export: String,
    /// Dimensions of the vectors.
    pub dim: u32,
    /// Lines of the collection: how it is prepared.
    pub collection: String,
    /// Lines of the search: its arrivals.
    pub search: String,
    /// Lines of the phase: its length.
    pub phase: String,
    /// Workloads beside the search, by name, with their lines.
    pub workloads: Vec<(String, String)>,
}

impl NullScenario {
    /// One search at a time for a second, by one connection, with nothing traced.
    #[must_use]
    pub fn new(uri: &str) -> Self {
        Self {
            uri: uri.to_owned(),
            connections: "1".to_owned(),
            sample_ratio: "0".to_owned(),
            export: "off".to_owned(),
            dim: 128,
            collection: "prepare = \"reuse\"".to_owned(),
            search: "concurrency = 1".to_owned(),
            phase: "duration = \"1s\"".to_owned(),
            workloads: Vec::new(),
        }
    }

    /// The scenario as TOML.
    #[must_use]
    pub fn toml(&self) -> String {
        let names: Vec<String> = ["search"]
            .into_iter()
            .chain(self.workloads.iter().map(|(name, _)| name.as_str()))
            .map(|name| format!("{name:?}"))
            .collect();
        let values = [
            ("{uri}", self.uri.as_str()),
            ("{connections}", &self.connections),
            ("{sample_ratio}", &self.sample_ratio),
            ("{export}", &self.export),
            ("{dim}", &self.dim.to_string()),
            ("{collection}", &self.collection),
            ("{search}", &self.search),
            ("{phase}", &self.phase),
            ("{workloads}", &names.join(", ")),
        ];
        let mut text = values
            .iter()
            .fold(TEMPLATE.to_owned(), |text, (word, value)| {
                text.replace(word, value)
            });
        for (name, lines) in &self.workloads {
            text += &format!("[workloads.{name}]\ncollection = \"null\"\n{lines}\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_in_braces_has_its_value() {
        let mut scenario = NullScenario::new("http://127.0.0.1:1");
        let lines = "operation = \"query\"\nids = 10\nrate = 5".to_owned();
        scenario.workloads.push(("query".to_owned(), lines));
        let text = scenario.toml();
        let table: toml::Table = text.parse().expect("TOML");
        assert_eq!(
            table["phases"][0]["workloads"],
            toml::Value::from(vec!["search", "query"])
        );
        assert_eq!(
            table["workloads"]["query"]["collection"].as_str(),
            Some("null")
        );
        // What is left in braces is a table of TOML.
        let left = text.matches('{').count();
        assert_eq!(left, text.matches("{ ef = 64 }").count(), "{text}");
    }
}
