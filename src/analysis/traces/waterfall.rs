//! One request as a waterfall: its spans in the order of drawing, who had which instant, and its
//! own latency breakdown.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    analysis::{
        figures::quantiles::us,
        model::{JoinState, PartMean, Waterfall, WaterfallRow},
        traces::{
            account::{
                AccountOptions, Node, Piece, RequestAccount, State, Tree, account_joined,
                instance::instance,
            },
            areas::{self, Area},
            gap::gap_ns,
            index::TraceIndex,
            join::{self, Call},
            link::link,
            parts::{PartTable, label, part_means},
            times::Possible,
        },
    },
    record::{Outcome, RequestLine, RunReader},
    spans::{SpanResource, Trace},
};

const NOT_COUNTED: &str = "not counted";
const ASYNCHRONOUS: &str = "asynchronous";
const DETACHED: &str = "detached";
const IMPOSSIBLE: &str = "impossible times";

/// What stands in the place of an area for spans that take no part in the latency breakdown.
pub const ASIDE: [&str; 4] = [NOT_COUNTED, ASYNCHRONOUS, DETACHED, IMPOSSIBLE];

/// The waterfall of one request. `trace` may lack everything: then only the client's own row is
/// left.
#[must_use]
pub fn waterfall(reader: &RunReader, trace: &Trace, line: &RequestLine) -> Waterfall {
    let (sent, done) = (line.sent_ns.unwrap_or(0), line.done_ns.unwrap_or(0));
    let service_ns = done.saturating_sub(sent);
    let send_lag_ns = line
        .intended_ns
        .map(|intended| sent.saturating_sub(intended));
    let client_span_id = u64::from_str_radix(&line.span_id, 16).unwrap_or(0);
    let succeeded = line.outcome == Outcome::Ok;
    let index = TraceIndex::new(trace, Possible::of(reader.info()));
    let joined = join::join(
        &index,
        Call {
            client_span_id,
            answered_within_ns: succeeded.then_some(service_ns),
        },
    );
    let options = AccountOptions {
        client_span_id,
        succeeded,
        resolution_ns: reader.info().span_resolution_ns(),
    };
    let mut shown = Waterfall {
        trace_id: line.trace_id.clone(),
        at: format!("{}/{}/{}", line.phase, line.part, line.workload),
        seq: line.seq,
        operation: line.operation.clone(),
        outcome: line.outcome.to_string(),
        state: joined.state.name().to_owned(),
        response_time_us: line
            .intended_ns
            .map(|intended| us(done.saturating_sub(intended))),
        service_time_us: us(service_ns),
        send_lag_us: send_lag_ns.map(us),
        link: link(reader.info(), &line.trace_id),
        ..Waterfall::default()
    };
    shown.rows.push(client_row(line, service_ns));
    if let Some((account, tree)) = account_joined(&index, &joined, &options) {
        let at = place(reader, &index, &account, line, service_ns);
        let end = at + account.server_ns as i64;
        let gap_ns = gap_ns(service_ns, account.server_ns);
        shown.gap_us = Some(us(gap_ns));
        shown.rows[0].self_us = us(gap_ns.max(0));
        shown.rows[0].critical = [(0, at), (end, service_ns as i64)]
            .iter()
            .filter(|(a, b)| a < b)
            .map(|(a, b)| (us(*a), us(*b)))
            .collect();
        draw(&index, &tree, &account, at, &mut shown.rows);
        if joined.state == JoinState::Matched {
            shown.parts = parts(&index, &account, send_lag_ns, service_ns);
        }
    }
    shown
}

fn client_row(line: &RequestLine, service_ns: u64) -> WaterfallRow {
    WaterfallRow {
        depth: 0,
        label: line.operation.clone(),
        service: "milvus-bench".to_owned(),
        area: Area::Gap.name().to_owned(),
        duration_us: us(service_ns),
        ..WaterfallRow::default()
    }
}

/// Where the outermost server span begins, nanoseconds after `sent`. Wall clocks of two machines
/// may not agree: where they would put the span outside the call, it is centred.
fn place(
    reader: &RunReader,
    index: &TraceIndex<'_>,
    account: &RequestAccount,
    line: &RequestLine,
    service_ns: u64,
) -> i64 {
    let info = reader.info();
    let anchor = info
        .phases
        .iter()
        .find(|phase| phase.name == line.phase)
        .map_or(info.start, |phase| phase.start);
    let sent = anchor.unix_of(line.sent_ns.unwrap_or(0));
    let room = gap_ns(service_ns, account.server_ns);
    let recorded = i128::from(index.span(account.top).start_ns) - i128::from(sent);
    match i64::try_from(recorded) {
        Ok(recorded) if (0..=room).contains(&recorded) => recorded,
        _ => room / 2,
    }
}

fn draw(
    index: &TraceIndex<'_>,
    tree: &Tree,
    account: &RequestAccount,
    at: i64,
    rows: &mut Vec<WaterfallRow>,
) {
    let mut by_span: BTreeMap<u32, Vec<Piece>> = BTreeMap::new();
    for piece in &account.pieces {
        by_span.entry(piece.span).or_default().push(*piece);
    }
    // By process: it may have any number of attributes to look through.
    let mut instances: HashMap<*const SpanResource, String> = HashMap::new();
    let mut open = vec![(0u32, 1u32)];
    while let Some((number, depth)) = open.pop() {
        let node = &tree.nodes[number as usize];
        let resource = &index.span(node.span).resource;
        let instance = instances
            .entry(Arc::as_ptr(resource))
            .or_insert_with(|| instance(resource))
            .clone();
        rows.push(WaterfallRow {
            instance,
            ..row(
                index,
                node,
                depth,
                at,
                by_span.get(&node.span).map_or(&[], Vec::as_slice),
            )
        });
        let mut children: Vec<&u32> = node.children.iter().collect();
        children.sort_by_key(|child| {
            let child = &tree.nodes[**child as usize];
            std::cmp::Reverse((child.start, index.span(child.span).span_id))
        });
        open.extend(children.into_iter().map(|child| (*child, depth + 1)));
    }
}

fn row(index: &TraceIndex<'_>, node: &Node, depth: u32, at: i64, pieces: &[Piece]) -> WaterfallRow {
    let span = index.span(node.span);
    let mut areas: BTreeMap<Area, i64> = BTreeMap::new();
    for piece in pieces {
        *areas.entry(piece.area).or_default() += piece.end_ns - piece.start_ns;
    }
    let largest = areas
        .iter()
        .max_by_key(|(area, ns)| (**ns, std::cmp::Reverse(**area)))
        .map(|(area, _)| *area);
    let area = match node.state {
        State::NotCounted => NOT_COUNTED,
        State::Asynchronous => ASYNCHRONOUS,
        State::Detached => DETACHED,
        State::Impossible => IMPOSSIBLE,
        State::TakesPart if node.mesh => Area::Mesh.name(),
        State::TakesPart => largest.unwrap_or_else(|| areas::fixed_area(span)).name(),
    };
    WaterfallRow {
        depth,
        label: label(span, pieces.iter().any(|piece| piece.merged)),
        service: span.service().to_owned(),
        instance: String::new(),
        area: area.to_owned(),
        start_us: us(node.start + at),
        duration_us: if node.state == State::Impossible {
            0.0
        } else {
            us(span.duration_ns())
        },
        self_us: us(areas.values().sum::<i64>()),
        critical: pieces
            .iter()
            .map(|piece| (us(piece.start_ns + at), us(piece.end_ns + at)))
            .collect(),
    }
}

/// The latency breakdown of this one request.
fn parts(
    index: &TraceIndex<'_>,
    account: &RequestAccount,
    send_lag_ns: Option<u64>,
    service_ns: u64,
) -> Vec<PartMean> {
    let mut table = PartTable::default();
    let mut sums: BTreeMap<u32, i128> = BTreeMap::new();
    if let Some(send_lag) = send_lag_ns {
        sums.insert(PartTable::SEND_LAG, i128::from(send_lag));
    }
    let gap_ns = gap_ns(service_ns, account.server_ns);
    sums.insert(PartTable::GAP, i128::from(gap_ns));
    for piece in &account.pieces {
        *sums
            .entry(table.number(index.span(piece.span), piece.area, piece.merged))
            .or_default() += i128::from(piece.end_ns - piece.start_ns);
    }
    part_means(&table, &sums, 1)
}

#[cfg(test)]
mod tests;
