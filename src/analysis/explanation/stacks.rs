//! The critical paths of the tail and of the faster half, folded: one frame per chain of spans,
//! with the mean of its own time on each side. What a differential flame graph draws.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use crate::{
    analysis::{
        explanation::tail::Sides,
        figures::quantiles::us,
        model::{StackFrame, Stacks},
        requests::request::Request,
        traces::{
            account::{RequestAccount, Tree},
            areas::Area,
            index::TraceIndex,
            parts::label,
        },
    },
    spans::{ServerSpan, SpanKind},
};

/// Most frames that are kept.
const MOST_FRAMES: usize = 300;
/// Most chains that are told apart: traces may be as deep as whoever sends them likes. Own time of
/// further ones counts to what is above.
const MOST_CHAINS: usize = 20_000;
/// Most names whose chain is remembered; beyond that they are looked at again.
const REMEMBERED: usize = 100_000;

/// One known chain.
#[derive(Debug)]
struct Chain {
    parent: Option<u32>,
    service: Option<String>,
    label: String,
    /// Own time by area over all requests.
    areas: [i64; Area::ALL.len()],
}

/// Every chain that occurred, by number; parents have smaller numbers than their children.
#[derive(Debug)]
pub(crate) struct StackTable {
    chains: Vec<Chain>,
    /// By parent, kind, service and name as recorded.
    numbers: HashMap<String, u32>,
    /// By parent, service and label: names that differ only in a number are one frame.
    labels: HashMap<String, u32>,
    /// Reused, because every span of every request is looked up.
    wanted: String,
    /// Reused: the node of each span of a trace.
    node_of: Vec<u32>,
}

impl Default for StackTable {
    fn default() -> Self {
        let client = |area: Area| Chain {
            parent: None,
            service: None,
            label: area.name().to_owned(),
            areas: [0; Area::ALL.len()],
        };
        let mut table = Self {
            chains: vec![client(Area::SendLag), client(Area::Gap)],
            numbers: HashMap::new(),
            labels: HashMap::new(),
            wanted: String::new(),
            node_of: Vec::new(),
        };
        (
            table.chains[0].areas[Area::SendLag as usize],
            table.chains[1].areas[Area::Gap as usize],
        ) = (1, 1);
        table
    }
}

impl StackTable {
    const SEND_LAG: u32 = 0;
    const GAP: u32 = 1;

    fn number(&mut self, parent: Option<u32>, span: &ServerSpan) -> u32 {
        let (service, name, client) = (
            span.service(),
            span.name.as_str(),
            span.kind == SpanKind::Client,
        );
        self.wanted.clear();
        // Writing to a String can't fail.
        let _ = write!(self.wanted, "{parent:?}\0{client}\0{service}\0{name}");
        if let Some(number) = self.numbers.get(self.wanted.as_str()) {
            return *number;
        }
        let label = label(span, false);
        let number = self.of_label(parent, service, label);
        if self.numbers.len() >= REMEMBERED {
            self.numbers.clear();
        }
        self.numbers.insert(self.wanted.clone(), number);
        number
    }

    fn of_label(&mut self, parent: Option<u32>, service: &str, label: String) -> u32 {
        let key = format!("{parent:?}\0{service}\0{label}");
        if let Some(number) = self.labels.get(&key) {
            return *number;
        }
        if let Some(parent) = parent.filter(|_| self.chains.len() >= MOST_CHAINS) {
            return parent;
        }
        let number = self.chains.len() as u32;
        self.chains.push(Chain {
            parent,
            service: Some(service.to_owned()),
            label,
            areas: [0; Area::ALL.len()],
        });
        self.labels.insert(key, number);
        number
    }

    /// Own time of each chain of one request, nanoseconds; adds up to the latency.
    pub(crate) fn fold(
        &mut self,
        index: &TraceIndex<'_>,
        account: &RequestAccount,
        tree: &Tree,
        request: &Request,
    ) -> Box<[(u32, i64)]> {
        let mut sums: BTreeMap<u32, i64> = BTreeMap::new();
        if let Some(send_lag) = request.send_lag_ns() {
            sums.insert(Self::SEND_LAG, send_lag);
        }
        sums.insert(Self::GAP, request.gap_ns(account.server_ns));
        if self.node_of.len() < index.len() {
            self.node_of.resize(index.len(), 0);
        }
        // What is left of an earlier request is not asked for: every piece is of a span of this
        // tree.
        tree.nodes
            .iter()
            .zip(0u32..)
            .for_each(|(node, number)| self.node_of[node.span as usize] = number);
        let mut chain_of: Vec<Option<u32>> = vec![None; tree.nodes.len()];
        for piece in &account.pieces {
            let node = self.node_of[piece.span as usize];
            let chain = self.chain(index, tree, &mut chain_of, node);
            let length = piece.end_ns - piece.start_ns;
            *sums.entry(chain).or_default() += length;
            self.chains[chain as usize].areas[piece.area as usize] += length;
        }
        sums.into_iter().collect()
    }

    /// The chain that ends in `node`, after adoption and nesting.
    fn chain(
        &mut self,
        index: &TraceIndex<'_>,
        tree: &Tree,
        chain_of: &mut [Option<u32>],
        node: u32,
    ) -> u32 {
        let mut open = vec![node];
        // Up to the first known ancestor, then down again. The bound keeps a broken tree from going
        // round in a ring.
        while let Some(at) = open.last().copied() {
            let parent = tree.nodes[at as usize].parent;
            if at == parent || chain_of[parent as usize].is_some() || open.len() > tree.nodes.len()
            {
                break;
            }
            open.push(parent);
        }
        let mut number = None;
        for at in open.into_iter().rev() {
            let found = &tree.nodes[at as usize];
            let parent = if found.parent == at {
                None
            } else {
                number.or(chain_of[found.parent as usize])
            };
            let own = chain_of[at as usize]
                .unwrap_or_else(|| self.number(parent, index.span(found.span)));
            chain_of[at as usize] = Some(own);
            number = Some(own);
        }
        number.expect("the node itself was open")
    }

    /// The two sides of a tail; None where either is too small to say anything.
    pub(crate) fn stacks(&self, sides: &Sides<'_>) -> Option<Stacks> {
        if sides.too_small() {
            return None;
        }
        let (tail, body) = (self.means(&sides.tail), self.means(&sides.body));
        let mut own: Vec<(f64, f64)> = tail.into_iter().zip(body).collect();
        let kept = self.prune(&mut own);
        let mut number_of = vec![0u32; self.chains.len()];
        kept.iter()
            .zip(0u32..)
            .for_each(|(chain, number)| number_of[*chain] = number);
        let frames = kept.iter().map(|at| {
            let chain = &self.chains[*at];
            let area = (0..Area::ALL.len())
                .max_by_key(|area| (chain.areas[*area], std::cmp::Reverse(*area)))
                .unwrap_or(0);
            StackFrame {
                parent: chain.parent.map(|parent| number_of[parent as usize]),
                label: chain.label.clone(),
                service: chain.service.clone(),
                area: if chain.areas[area] > 0 {
                    Area::ALL[area]
                } else {
                    Area::Other
                }
                .name()
                .to_owned(),
                tail_us: own[*at].0,
                body_us: own[*at].1,
            }
        });
        let (tail_requests, body_requests) = (sides.tail.len() as u64, sides.body.len() as u64);
        Some(Stacks {
            above: sides.above.to_owned(),
            tail_requests,
            body_requests,
            frames: frames.collect(),
        })
    }

    fn means(&self, requests: &[&Request]) -> Vec<f64> {
        let mut sums = vec![0i128; self.chains.len()];
        for account in requests.iter().filter_map(|request| request.matched()) {
            account
                .stacks
                .iter()
                .for_each(|(chain, ns)| sums[*chain as usize] += i128::from(*ns));
        }
        sums.into_iter()
            .map(|sum| us(sum) / requests.len().max(1) as f64)
            .collect()
    }

    /// The largest chains with time on either side, rising; the own time of the others goes to
    /// their parents. A chain is never larger than its parent, so no parent of a kept one is left
    /// out.
    fn prune(&self, own: &mut [(f64, f64)]) -> Vec<usize> {
        let mut whole: Vec<f64> = own
            .iter()
            .map(|(tail, body)| tail.max(0.0) + body.max(0.0))
            .collect();
        for at in (0..whole.len()).rev() {
            if let Some(parent) = self.chains[at].parent {
                whole[parent as usize] += whole[at];
            }
        }
        let mut kept: Vec<usize> = (0..whole.len())
            .filter(|at| whole[*at] > 0.0 || own[*at] != (0.0, 0.0))
            .collect();
        kept.sort_by(|a, b| whole[*b].total_cmp(&whole[*a]).then(a.cmp(b)));
        let mut dropped = kept.split_off(kept.len().min(MOST_FRAMES));
        dropped.sort_unstable();
        for at in dropped.into_iter().rev() {
            if let Some(parent) = self.chains[at].parent {
                let (tail, body) = own[at];
                own[parent as usize] =
                    (own[parent as usize].0 + tail, own[parent as usize].1 + body);
            }
        }
        kept.sort_unstable();
        kept
    }
}

#[cfg(test)]
mod tests;
