//! Numbers for parts and instances, so that what is kept per request stays small.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    sync::Arc,
};

use crate::{
    analysis::{
        figures::quantiles::us,
        model::PartMean,
        traces::{
            account::instance::instance,
            areas::{Area, names},
        },
    },
    spans::{ServerSpan, SpanKind, SpanResource},
};

/// A part of the latency breakdown: what one row of a table stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PartKey {
    pub(crate) area: Area,
    /// None for parts of the client.
    pub(crate) service: Option<String>,
    /// Normalised span name with ` (client)` or ` (merged)`.
    pub(crate) label: String,
}

impl PartKey {
    /// Service and label in words.
    pub(crate) fn title(&self) -> String {
        self.service
            .iter()
            .chain([&self.label])
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Most parts that are told apart: names come from outside, and there may be any number of them.
/// Further ones are one part of their area.
const MOST_PARTS: usize = 5_000;
/// Most names whose part is remembered; beyond that they are looked at again.
const REMEMBERED: usize = 100_000;
/// What further names, and further instances, are called.
const MORE: &str = "(more)";

/// Every part that occurred, by number.
#[derive(Debug)]
pub(crate) struct PartTable {
    keys: Vec<PartKey>,
    by_key: HashMap<PartKey, u32>,
    /// By the name as recorded.
    numbers: HashMap<String, u32>,
    /// Reused, because every piece of every request is looked up.
    wanted: String,
}

impl Default for PartTable {
    fn default() -> Self {
        let client = |area: Area| PartKey {
            area,
            service: None,
            label: area.name().to_owned(),
        };
        let keys = vec![client(Area::SendLag), client(Area::Gap)];
        Self {
            keys,
            by_key: HashMap::new(),
            numbers: HashMap::new(),
            wanted: String::new(),
        }
    }
}

impl PartTable {
    /// Number of the client's lateness.
    pub(crate) const SEND_LAG: u32 = 0;
    /// Number of the time between the client's call and the server root.
    pub(crate) const GAP: u32 = 1;

    /// The number of the part that own time of `span` in `area` belongs to.
    pub(crate) fn number(&mut self, span: &ServerSpan, area: Area, merged: bool) -> u32 {
        let (service, name, client) = (
            span.service(),
            span.name.as_str(),
            span.kind == SpanKind::Client,
        );
        self.wanted.clear();
        // Writing to a String can't fail.
        let _ = write!(
            self.wanted,
            "{}\0{client}\0{merged}\0{service}\0{name}",
            area as u8
        );
        if let Some(number) = self.numbers.get(self.wanted.as_str()) {
            return *number;
        }
        // Names that differ only in a number are one part.
        let mut key = PartKey {
            area,
            service: Some(names::beginning(service).to_owned()),
            label: label(span, merged),
        };
        if self.keys.len() >= MOST_PARTS && !self.by_key.contains_key(&key) {
            key = PartKey {
                area,
                service: None,
                label: MORE.to_owned(),
            };
        }
        let number = *self.by_key.entry(key).or_insert_with_key(|key| {
            self.keys.push(key.clone());
            (self.keys.len() - 1) as u32
        });
        if self.numbers.len() >= REMEMBERED {
            self.numbers.clear();
        }
        self.numbers.insert(self.wanted.clone(), number);
        number
    }

    /// The part with `number`.
    pub(crate) fn key(&self, number: u32) -> &PartKey {
        &self.keys[number as usize]
    }
}

/// Means by part, sorted by area, then by mean, falling. Each sum is divided once, so that the
/// means add up.
pub(crate) fn part_means(
    parts: &PartTable,
    sums: &BTreeMap<u32, i128>,
    requests: u64,
) -> Vec<PartMean> {
    let mut rows: Vec<(&PartKey, i128)> = sums
        .iter()
        .map(|(part, sum)| (parts.key(*part), *sum))
        .collect();
    rows.sort_by(|(a, a_ns), (b, b_ns)| a.area.cmp(&b.area).then(b_ns.cmp(a_ns)).then(a.cmp(b)));
    let mean = |sum: i128| us(sum) / requests.max(1) as f64;
    rows.into_iter()
        .map(|(key, sum)| PartMean {
            area: key.area.name().to_owned(),
            service: key.service.clone(),
            part: key.label.clone(),
            mean_us: mean(sum),
        })
        .collect()
}

/// The label of a span's part.
pub(crate) fn label(span: &ServerSpan, merged: bool) -> String {
    let suffix = match (merged, span.kind) {
        (true, _) => " (merged)",
        (false, SpanKind::Client) => " (client)",
        _ => "",
    };
    format!("{}{suffix}", names::normalise(&span.name))
}

/// An area's time on one instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InstanceKey {
    pub(crate) area: Area,
    pub(crate) service: String,
    pub(crate) instance: String,
}

/// Every (area, service, instance) that occurred, by number.
#[derive(Debug, Default)]
pub(crate) struct InstanceTable {
    keys: Vec<InstanceKey>,
    numbers: HashMap<(Area, String, String), u32>,
    /// Resources seen last: spans of one process share theirs, so most look-ups end here. Held, so
    /// that no other takes its address.
    recent: HashMap<(*const SpanResource, Area), (Arc<SpanResource>, u32)>,
}

/// Resources kept at hand; more processes than this only make it slower.
const RECENT: usize = 4_096;
/// Most instances that are told apart.
const MOST_INSTANCES: usize = 10_000;

impl InstanceTable {
    /// The number of the instance behind `resource` in `area`.
    pub(crate) fn number(&mut self, area: Area, resource: &Arc<SpanResource>) -> u32 {
        let at = (Arc::as_ptr(resource), area);
        if let Some((_, number)) = self.recent.get(&at) {
            return *number;
        }
        let bounded = |name: &str| names::beginning(name).to_owned();
        let (service, instance) = (bounded(&resource.service), bounded(&instance(resource)));
        let mut key = (area, service, instance);
        if self.keys.len() >= MOST_INSTANCES && !self.numbers.contains_key(&key) {
            key = (area, MORE.to_owned(), String::new());
        }
        let number = *self
            .numbers
            .entry(key)
            .or_insert_with_key(|(area, service, instance)| {
                self.keys.push(InstanceKey {
                    area: *area,
                    service: service.clone(),
                    instance: instance.clone(),
                });
                (self.keys.len() - 1) as u32
            });
        if self.recent.len() >= RECENT {
            self.recent.clear();
        }
        self.recent.insert(at, (Arc::clone(resource), number));
        number
    }

    /// The instance with `number`.
    pub(crate) fn key(&self, number: u32) -> &InstanceKey {
        &self.keys[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{resource, span};

    fn check(name: &str, kind: SpanKind, merged: bool, expected: &str) {
        let mut table = PartTable::default();
        let number = table.number(&span(name, kind), Area::Other, merged);
        assert_eq!(table.key(number).title(), expected);
    }

    #[test]
    fn caller_and_callee_of_a_call_are_told_apart() {
        check(
            "milvus.proto.query.QueryNode/Search",
            SpanKind::Server,
            false,
            "standalone milvus.proto.query.QueryNode/Search",
        );
        check(
            "milvus.proto.query.QueryNode/Search",
            SpanKind::Client,
            false,
            "standalone milvus.proto.query.QueryNode/Search (client)",
        );
        check(
            "Proxy-Search-Execute",
            SpanKind::Internal,
            true,
            "standalone Proxy-Search-Execute (merged)",
        );
    }

    #[test]
    fn names_that_differ_in_a_number_are_one_part() {
        let mut table = PartTable::default();
        let mut number =
            |name: &str, area| table.number(&span(name, SpanKind::Internal), area, false);
        let first = number("LoadIndex-1-2", Area::Other);
        assert_eq!(
            (
                number("LoadIndex-3-4", Area::Other),
                number("LoadIndex-1-2", Area::Other)
            ),
            (first, first)
        );
        assert_ne!(number("LoadIndex-1-2", Area::Metadata), first);
    }

    #[test]
    fn processes_with_equal_names_are_one_instance() {
        let mut table = InstanceTable::default();
        let (one, again, other) = (
            resource("querynode", 7),
            resource("querynode", 7),
            resource("querynode", 6),
        );
        let first = table.number(Area::Engine, &one);
        assert_eq!(
            (
                table.number(Area::Engine, &again),
                table.number(Area::Engine, &one)
            ),
            (first, first)
        );
        assert_ne!(table.number(Area::Engine, &other), first);
        assert_ne!(table.number(Area::Reduce, &one), first);
        assert_eq!(table.key(first).instance, "7");
    }
}
