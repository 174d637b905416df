//! One request of the made-up run, as a waterfall.

use super::account_of;
use crate::analysis::*;

/// One slow search on a cluster of two roles, with a span left running behind it.
pub(in crate::report) fn waterfall() -> Waterfall {
    Waterfall {
        trace_id: "5f0c8a1be2d94477a3b1c2d3e4f50617".to_owned(),
        at: "under-ingest/measured/search".to_owned(),
        seq: 1_234,
        operation: "search".to_owned(),
        outcome: "ok".to_owned(),
        state: "matched".to_owned(),
        response_time_us: Some(21_312.0),
        service_time_us: 20_900.0,
        send_lag_us: Some(412.0),
        gap_us: Some(650.0),
        rows: waterfall_rows(),
        parts: account_of(
            &[
                ("send lag", "send lag"),
                ("gap", "gap"),
                ("proxy queue", "Proxy-Search"),
                ("planning", "Proxy-Search-PreExecute"),
                ("consistency wait", "Delegator-waitTSafe"),
                ("node queue", "schedule"),
                ("node queue", "milvus.proto.query.QueryNode/Search"),
                ("engine", "SegCoreSearch"),
                ("reduce", "ReduceSearchResultsAndFillData"),
                ("reduce", "Proxy-Search-PostExecute"),
                (
                    "node to node",
                    "milvus.proto.query.QueryNode/Search (client)",
                ),
                ("other", "milvus.proto.milvus.MilvusService/Search"),
                ("other", "Proxy-Search-Execute"),
            ],
            &[
                412.0, 650.0, 280.0, 210.0, 15_840.0, 300.0, 60.0, 2_600.0, 200.0, 210.0, 460.0,
                70.0, 20.0,
            ],
        ),
        link: None,
        rows_left_out: 0,
    }
}

/// Its spans, in the order of drawing.
#[expect(
    clippy::too_many_lines,
    reason = "a table: the made-up spans of a request"
)]
fn waterfall_rows() -> Vec<WaterfallRow> {
    let row = |depth,
               label: &str,
               service: &str,
               area: &str,
               (start_us, duration_us): (f64, f64),
               critical: &[(f64, f64)]| WaterfallRow {
        depth,
        label: label.to_owned(),
        service: service.to_owned(),
        instance: if service == "querynode" {
            "17".to_owned()
        } else {
            String::new()
        },
        area: area.to_owned(),
        start_us,
        duration_us,
        self_us: critical.iter().map(|(start, end)| end - start).sum(),
        critical: critical.to_vec(),
    };
    vec![
        row(
            0,
            "milvus.proto.milvus.MilvusService/Search (client)",
            "milvus-bench",
            "gap",
            (0.0, 20_900.0),
            &[(0.0, 380.0), (20_630.0, 20_900.0)],
        ),
        row(
            1,
            "milvus.proto.milvus.MilvusService/Search",
            "proxy",
            "other",
            (380.0, 20_250.0),
            &[(380.0, 420.0), (20_600.0, 20_630.0)],
        ),
        row(
            2,
            "Proxy-Search",
            "proxy",
            "proxy queue",
            (420.0, 20_180.0),
            &[(420.0, 700.0)],
        ),
        row(
            3,
            "Proxy-Search-PreExecute",
            "proxy",
            "planning",
            (700.0, 210.0),
            &[(700.0, 910.0)],
        ),
        row(
            3,
            "Proxy-Search-Execute",
            "proxy",
            "other",
            (910.0, 19_480.0),
            &[(910.0, 930.0)],
        ),
        row(
            4,
            "milvus.proto.query.QueryNode/Search (client)",
            "proxy",
            "node to node",
            (930.0, 19_460.0),
            &[(930.0, 1_200.0), (20_200.0, 20_390.0)],
        ),
        row(
            5,
            "milvus.proto.query.QueryNode/Search",
            "querynode",
            "node queue",
            (1_200.0, 19_000.0),
            &[(1_200.0, 1_260.0)],
        ),
        row(
            6,
            "Delegator-waitTSafe",
            "querynode",
            "consistency wait",
            (1_260.0, 15_840.0),
            &[(1_260.0, 17_100.0)],
        ),
        row(
            6,
            "schedule",
            "querynode",
            "node queue",
            (17_100.0, 300.0),
            &[(17_100.0, 17_400.0)],
        ),
        row(
            6,
            "SegCoreSearch",
            "querynode",
            "engine",
            (17_400.0, 2_600.0),
            &[(17_400.0, 20_000.0)],
        ),
        row(
            6,
            "SegCoreSearch",
            "querynode",
            "engine",
            (17_410.0, 1_300.0),
            &[],
        ),
        row(
            6,
            "ReduceSearchResultsAndFillData",
            "querynode",
            "reduce",
            (20_000.0, 200.0),
            &[(20_000.0, 20_200.0)],
        ),
        row(
            6,
            "Operate-left-behind-by-the-consumer-of-the-channel",
            "querynode",
            "asynchronous",
            (19_000.0, 300_000.0),
            &[],
        ),
        row(
            3,
            "Proxy-Search-PostExecute",
            "proxy",
            "reduce",
            (20_390.0, 210.0),
            &[(20_390.0, 20_600.0)],
        ),
    ]
}
