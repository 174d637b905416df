//! `report.parquet`: a row per request that was traced or failed, with its times and its account,
//! for pandas, polars and DuckDB.
//!
//! Written column by column with the crate's own writer; Arrow would be a dozen more crates and do
//! no more. Requests of warm-up and ramps are left out, they are in no figure. Names are
//! dictionaries in the file, so that a row costs few bytes.

use parquet::{
    basic::Compression,
    data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};

use super::{ReportEntry, ReportError};
use crate::analysis::{Analysis, Area, RequestRow, StreamNames};

/// The row of the table.
pub(super) const ENTRY: ReportEntry = ReportEntry {
    name: "parquet",
    file: "report.parquet",
    text: false,
    joined: None,
    summary: "one row per request that was traced or failed: times, state of the join, time per \
              area",
    render: |analysis| {
        render(analysis).map_err(|error| {
            ReportError(format!("the report can't be written as Parquet: {error}"))
        })
    },
};

/// Rows of a row group: what a reader takes into memory at once, and what bounds ours.
const GROUP_ROWS: usize = 100_000;

/// A request and where it belongs.
type Request<'a> = (&'a StreamNames, &'a RequestRow);

/// How the values of a column are found.
#[derive(Clone, Copy)]
enum Values {
    Text(fn(Request<'_>) -> Option<String>),
    Flag(fn(Request<'_>) -> Option<bool>),
    Integer(fn(Request<'_>) -> Option<u64>),
    /// Microseconds of what is found in nanoseconds.
    Us(fn(&RequestRow) -> Option<i64>),
    Area(Area),
}

use Values::{Flag, Integer, Text, Us};

/// Columns before those of the areas; what is `true` is never null.
const COLUMNS: [(&str, bool, Values); 19] = [
    (
        "phase",
        true,
        Text(|(stream, _)| Some(stream.phase.clone())),
    ),
    ("stage", false, Text(|(stream, _)| stream.stage.clone())),
    (
        "workload",
        true,
        Text(|(stream, _)| Some(stream.workload.clone())),
    ),
    (
        "operation",
        true,
        Text(|(stream, _)| Some(stream.operation.clone())),
    ),
    (
        "class",
        false,
        Text(|(stream, row)| stream.classes.get(usize::from(row.class?)).cloned()),
    ),
    ("seq", true, Integer(|(_, row)| Some(row.seq))),
    (
        "trace_id",
        true,
        Text(|(_, row)| Some(format!("{:032x}", row.trace_id))),
    ),
    (
        "outcome",
        true,
        Text(|(_, row)| Some(row.outcome.to_string())),
    ),
    ("rows", false, Integer(|(_, row)| row.rows)),
    ("sampled", true, Flag(|(_, row)| Some(row.sampled))),
    (
        "join_state",
        false,
        Text(|(_, row)| row.state.map(|state| state.name().to_owned())),
    ),
    ("intended_ns", false, Integer(|(_, row)| row.intended_ns)),
    ("sent_ns", false, Integer(|(_, row)| row.sent_ns)),
    ("done_ns", false, Integer(|(_, row)| row.done_ns)),
    (
        "response_time_us",
        false,
        Us(|row| between(row.intended_ns, row.done_ns)),
    ),
    (
        "service_time_us",
        false,
        Us(|row| between(row.sent_ns, row.done_ns)),
    ),
    (
        "send_lag_us",
        false,
        Us(|row| between(row.intended_ns, row.sent_ns)),
    ),
    (
        "server_time_us",
        false,
        Us(|row| row.server_ns.map(|ns| ns as i64)),
    ),
    ("gap_us", false, Us(RequestRow::gap_ns)),
];

fn between(from: Option<u64>, to: Option<u64>) -> Option<i64> {
    Some(to? as i64 - from? as i64)
}

/// Nanoseconds in `area`; None without an account. An area that did not occur took no time, so that
/// means are means.
fn in_area(row: &RequestRow, area: Area) -> Option<i64> {
    let known = match area {
        Area::SendLag => row.intended_ns.is_some(),
        _ => area.is_in_account(),
    };
    let time = row
        .areas
        .iter()
        .find(|(of, _)| *of == area)
        .map_or(0, |(_, ns)| *ns);
    (known && row.server_ns.is_some()).then_some(time)
}

/// Name, whether it is never null, and values of every column.
fn columns() -> Vec<(String, bool, Values)> {
    let fixed = COLUMNS
        .into_iter()
        .map(|(name, required, values)| (name.to_owned(), required, values));
    let areas = Area::ALL.into_iter().map(|area| {
        (
            format!("area_{}_us", area.name().replace(' ', "_")),
            false,
            Values::Area(area),
        )
    });
    fixed.chain(areas).collect()
}

fn schema(columns: &[(String, bool, Values)]) -> String {
    let fields = columns.iter().map(|(name, required, values)| {
        let (kind, meaning) = match values {
            Text(_) => ("BYTE_ARRAY", " (STRING)"),
            Flag(_) => ("BOOLEAN", ""),
            Integer(_) => ("INT64", ""),
            Us(_) | Values::Area(_) => ("DOUBLE", ""),
        };
        format!(
            "{} {kind} {name}{meaning};",
            if *required { "REQUIRED" } else { "OPTIONAL" }
        )
    });
    format!(
        "message request {{ {} }}",
        fields.collect::<Vec<_>>().join(" ")
    )
}

fn render(analysis: &Analysis) -> Result<Vec<u8>, ParquetError> {
    let (columns, table) = (columns(), &analysis.requests);
    let schema = parse_message_type(&schema(&columns))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema.into(), properties.into())?;
    for rows in table.rows.chunks(GROUP_ROWS) {
        let requests: Vec<Request<'_>> = rows
            .iter()
            .map(|row| (&table.streams[row.stream as usize], row))
            .collect();
        let mut group = writer.next_row_group()?;
        for (_, required, values) in &columns {
            write_column(&mut group, &requests, *values, *required)?;
        }
        group.close()?;
    }
    writer.into_inner()
}

fn write_column(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    requests: &[Request<'_>],
    values: Values,
    required: bool,
) -> Result<(), ParquetError> {
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("fewer columns than planned".to_owned()))?;
    let us = |ns: i64| ns as f64 / 1e3;
    let all = requests.iter().copied();
    match values {
        Text(of) => write::<ByteArrayType>(
            &mut column,
            required,
            all.map(|at| of(at).map(|text| ByteArray::from(text.into_bytes()))),
        ),
        Flag(of) => write::<BoolType>(&mut column, required, all.map(of)),
        Integer(of) => write::<Int64Type>(
            &mut column,
            required,
            all.map(|at| of(at).map(|value| value as i64)),
        ),
        Us(of) => write::<DoubleType>(&mut column, required, all.map(|(_, row)| of(row).map(us))),
        Values::Area(area) => write::<DoubleType>(
            &mut column,
            required,
            all.map(|(_, row)| in_area(row, area).map(us)),
        ),
    }?;
    column.close()
}

/// Values that are there, and for a column that may lack some which are: 1 for a value, 0 for null.
fn write<T: DataType>(
    column: &mut SerializedColumnWriter<'_>,
    required: bool,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let (mut there, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        there.extend(value);
    }
    column
        .typed::<T>()
        .write_batch(&there, (!required).then_some(levels.as_slice()), None)
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::{
        file::reader::{FileReader, SerializedFileReader},
        record::Row,
    };

    use super::*;
    use crate::report::{sample, tests::check_golden};

    fn read(analysis: &Analysis) -> Vec<Row> {
        let reader = SerializedFileReader::new(Bytes::from(render(analysis).unwrap())).unwrap();
        assert_eq!(
            reader.metadata().file_metadata().num_rows(),
            analysis.requests.rows.len() as i64
        );
        reader
            .get_row_iter(None)
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    #[test]
    fn what_is_written_is_read_back_as_agreed() {
        let rows = read(&sample::analysis());
        check_golden(
            "report.parquet.txt",
            &rows
                .iter()
                .map(|row| format!("{row}\n"))
                .collect::<String>(),
        );
    }

    #[test]
    fn columns_have_distinct_names_one_per_area() {
        let names: std::collections::BTreeSet<String> =
            columns().into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names.len(), COLUMNS.len() + Area::ALL.len());
        assert!(names.contains("area_consistency_wait_us"));
    }

    #[test]
    fn a_run_without_requests_is_a_table_without_rows() {
        assert!(read(&Analysis::default()).is_empty());
    }

    #[test]
    fn more_rows_than_a_group_holds() {
        let mut analysis = sample::analysis();
        let row = analysis.requests.rows[0].clone();
        analysis.requests.rows = (0..GROUP_ROWS as u64 + 5)
            .map(|seq| RequestRow { seq, ..row.clone() })
            .collect();
        let rows = read(&analysis);
        assert_eq!(rows.len(), GROUP_ROWS + 5);
        assert_eq!(render(&analysis).unwrap(), render(&analysis).unwrap());
    }
}
