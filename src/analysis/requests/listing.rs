//! Single requests, for a report that lists them: a compact row each, names by number.

use crate::{
    analysis::{
        model::{RequestTable, StreamNames},
        requests::{lines::StreamLines, request::Listed},
        traces::{areas::Area, parts::PartTable},
    },
    record::StreamInfo,
};

/// Takes the rows out of the lines, each with its state and latency breakdown.
pub(crate) fn table(
    streams: &[StreamInfo],
    lines: &mut [StreamLines],
    parts: &PartTable,
) -> RequestTable {
    let names = |stream: &StreamInfo| StreamNames {
        phase: stream.phase.clone(),
        stage: stream.stage().map(str::to_owned),
        workload: stream.workload.clone(),
        operation: stream.operation.clone(),
        classes: stream
            .split
            .iter()
            .flat_map(|split| split.classes.clone())
            .collect(),
    };
    let mut table = RequestTable {
        streams: streams.iter().map(names).collect(),
        rows: Vec::new(),
    };
    for (stream, lines) in streams.iter().zip(lines) {
        let mut listed = std::mem::take(&mut lines.listed);
        listed.sort_by_key(|listed| listed.row.seq);
        for Listed { mut row, request } in listed {
            if let Some(request) = request.and_then(|at| lines.requests.get(at as usize)) {
                row.state = request.state;
                if let Some(account) = request.matched() {
                    row.server_ns = Some(account.server_ns);
                    row.areas = areas(
                        account
                            .parts
                            .iter()
                            .map(|(part, ns)| (parts.key(*part).area, *ns)),
                    );
                }
            }
            row.rows = row
                .rows
                .filter(|rows| *rows > 0 || stream.replies.is_some());
            table.rows.push(row);
        }
    }
    table
}

/// Sums of the parts by area.
fn areas(parts: impl Iterator<Item = (Area, i64)>) -> Box<[(Area, i64)]> {
    let mut sums = [None; Area::ALL.len()];
    for (area, ns) in parts {
        *sums[area as usize].get_or_insert(0) += ns;
    }
    Area::ALL
        .into_iter()
        .filter_map(|area| Some((area, sums[area as usize]?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_area_are_one_sum() {
        let found = areas([(Area::Engine, 3), (Area::Gap, -1), (Area::Engine, 4)].into_iter());
        assert_eq!(*found, [(Area::Gap, -1), (Area::Engine, 7)]);
    }
}
