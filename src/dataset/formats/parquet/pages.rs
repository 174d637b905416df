//! Where the pages of a column chunk lie, and which rows each holds: found from their headers,
//! which are checked before anything is decompressed or decoded.

use parquet::{
    basic::{Compression, Type},
    file::{metadata::ColumnChunkMetaData, page_index::offset_index::PageLocation},
};

use super::{
    file::At,
    thrift::{self, PageHeader},
};

/// Most bytes of a page after decompression; writers make pages of about 1 MiB.
const LARGEST_PAGE: i64 = 512 << 20;
/// Most values of a page that can stand in a few bytes: 1 MiB of one bit each. Lists may be as long
/// as their page, so that all of it is in memory.
const MOST_VALUES: i64 = 1 << 23;
/// The same of texts in lists, which take more memory each.
const MOST_TEXTS: i64 = 1 << 20;
/// The same where rows are single values, which are read a few at a time.
const MOST_ROWS: i64 = 1 << 28;
/// Bytes in which most headers are.
const USUAL_HEADER: usize = 512;

/// Pages of a column chunk.
#[derive(Debug)]
pub(super) struct Pages {
    /// First row of each within the row group; one 0 where the pages can't be told apart by rows.
    pub(super) starts: Vec<u64>,
    /// None where the chunk can only be read from its beginning.
    pub(super) locations: Option<Vec<PageLocation>>,
}

/// Finds the pages of `chunk`, which belongs to `rows` rows with `width` values each, if all of
/// them are known to have as many.
///
/// # Errors
/// A header that can't be true, in words that go on after the name of the file.
pub(super) fn find(
    at: &At,
    chunk: &ColumnChunkMetaData,
    rows: u64,
    width: Option<u64>,
) -> Result<Pages, String> {
    let name = chunk.column_path().string();
    let (start, end) = range(at, chunk)?;
    let is_flat = chunk.column_descr().max_rep_level() == 0;
    let width = if is_flat { Some(1) } else { width };
    let (mut offset, mut values, mut loose) = (start, 0_i64, 0_i64);
    let mut first_row = Some(0_u64);
    let (mut starts, mut locations) = (Vec::new(), Vec::new());
    while values < chunk.num_values() {
        let refuse = |story: String| {
            Err(format!(
                "has a page of column {name} at byte {offset} {story}"
            ))
        };
        if offset >= end {
            return refuse(format!(
                "expected, where its column chunk ends: {values} values are present, expected {}",
                chunk.num_values()
            ));
        }
        let header = match header(at, offset, end) {
            Ok(header) => header,
            Err(story) => return refuse(story),
        };
        if let Err(story) = check(&header, chunk, width.is_some(), offset == start) {
            return refuse(story);
        }
        let length = header.length as i64 + header.compressed;
        if length as u64 > end - offset {
            let left = end - offset;
            return refuse(format!(
                "with {length} bytes, expected at most the {left} that its column chunk still has"
            ));
        }
        if header.kind != 2 {
            if let Some(first) = first_row {
                starts.push(first);
                locations.push(PageLocation {
                    offset: offset as i64,
                    compressed_page_size: length as i32,
                    first_row_index: first as i64,
                });
                first_row = after(first, &header, width);
            }
            values += header.values;
            if !is_plain(header.encoding) {
                loose += header.values;
            }
        }
        offset += length as u64;
    }
    if values != chunk.num_values() || (is_flat && first_row != Some(rows)) {
        return Err(format!(
            "has {values} values of column {name} in its pages, expected {} for {rows} rows",
            chunk.num_values()
        ));
    }
    if first_row == Some(rows) {
        let locations = Some(locations);
        return Ok(Pages { starts, locations });
    }
    // A row may then be as long as all of the pages.
    if loose > MOST_VALUES {
        return Err(format!(
            "has pages of column {name} at byte {start} that do not begin with a row, {loose} \
             values in all, expected at most {MOST_VALUES}"
        ));
    }
    let (starts, locations) = (vec![0], None);
    Ok(Pages { starts, locations })
}

/// The row after a page; None where the page does not end with a row.
fn after(first: u64, header: &PageHeader, width: Option<u64>) -> Option<u64> {
    let rows = match (header.rows, width) {
        (Some(rows), _) => u64::try_from(rows).ok()?,
        (None, Some(width)) => {
            let values = header.values as u64;
            (width > 0 && values.is_multiple_of(width)).then(|| values / width)?
        }
        (None, None) => return None,
    };
    first.checked_add(rows)
}

/// First byte of the chunk and the one after its last.
fn range(at: &At, chunk: &ColumnChunkMetaData) -> Result<(u64, u64), String> {
    let start = chunk
        .dictionary_page_offset()
        .unwrap_or(chunk.data_page_offset());
    let length = chunk.compressed_size();
    let fits = start >= 4 && length >= 0 && chunk.num_values() >= 0;
    let end = start.checked_add(length).filter(|_| fits);
    match end {
        Some(end) if end as u64 <= at.size() && chunk.file_path().is_none() => {
            Ok((start as u64, end as u64))
        }
        _ => Err(format!(
            "says that {} values of column {} are {length} bytes at byte {start}, expected them \
             within its {} bytes",
            chunk.num_values(),
            chunk.column_path().string(),
            at.size()
        )),
    }
}

fn header(at: &At, offset: u64, end: u64) -> Result<PageHeader, String> {
    for length in [USUAL_HEADER, 64 * USUAL_HEADER, thrift::LONGEST] {
        let bytes = at.some(offset, length.min((end - offset) as usize));
        let bytes = bytes.map_err(|error| format!("that can't be read ({error})"))?;
        if let Some(header) = thrift::page_header(&bytes) {
            return Ok(header);
        }
        if bytes.len() < length {
            break;
        }
    }
    Err("without a header that can be read: the file is damaged".to_owned())
}

fn check(
    header: &PageHeader,
    chunk: &ColumnChunkMetaData,
    is_full: bool,
    is_first: bool,
) -> Result<(), String> {
    let PageHeader {
        kind,
        uncompressed,
        compressed,
        values,
        ..
    } = *header;
    let is_dictionary = kind == 2;
    if !matches!(kind, 0 | 2 | 3) || (is_dictionary && !is_first) {
        return Err(format!(
            "of kind {kind}, expected values (0 or 3), or a dictionary (2) as the first one"
        ));
    }
    let most = most_bytes(chunk.compression(), compressed)?.min(LARGEST_PAGE);
    if compressed < 0 || !(0..=most).contains(&uncompressed) {
        return Err(format!(
            "with {compressed} bytes that are {uncompressed} after decompression ({}), expected \
             at most {most}",
            codec(chunk.compression())
        ));
    }
    let width = width(chunk);
    let is_flat = chunk.column_descr().max_rep_level() == 0;
    let room = if is_dictionary || (is_plain(header.encoding) && is_full && !is_nullable(chunk)) {
        uncompressed.checked_div(width).unwrap_or(MOST_VALUES)
    } else if is_flat {
        MOST_ROWS
    } else if chunk.column_type() == Type::BYTE_ARRAY {
        MOST_TEXTS
    } else {
        MOST_VALUES
    };
    if !(0..=room).contains(&values) {
        return Err(format!(
            "with {values} values in {uncompressed} bytes, expected at most {room}"
        ));
    }
    if header
        .rows
        .is_some_and(|rows| !(0..=values).contains(&rows))
    {
        let rows = header.rows.unwrap_or_default();
        return Err(format!(
            "with {rows} rows, expected at most its {values} values"
        ));
    }
    Ok(())
}

/// Whether every value stands in the file with all its bytes.
fn is_plain(encoding: i64) -> bool {
    matches!(encoding, 0 | 9)
}

/// Whether there may be levels without a value.
fn is_nullable(chunk: &ColumnChunkMetaData) -> bool {
    let column = chunk.column_descr();
    column.max_rep_level() == 0 && column.max_def_level() > 0
}

/// Least bytes of a value; 0 where several share one.
fn width(chunk: &ColumnChunkMetaData) -> i64 {
    match chunk.column_type() {
        Type::BOOLEAN => 0,
        Type::INT32 | Type::FLOAT | Type::BYTE_ARRAY => 4,
        Type::INT64 | Type::DOUBLE => 8,
        Type::INT96 => 12,
        Type::FIXED_LEN_BYTE_ARRAY => i64::from(chunk.column_descr().type_length()).max(1),
    }
}

/// Most bytes that so many compressed ones can become.
fn most_bytes(compression: Compression, compressed: i64) -> Result<i64, String> {
    let times = match compression {
        Compression::UNCOMPRESSED => 1,
        Compression::SNAPPY => 32,
        Compression::LZ4 | Compression::LZ4_RAW => 256,
        Compression::GZIP(_) => 1040,
        Compression::ZSTD(_) => 32768,
        other => {
            return Err(format!(
                "compressed with {}, which can't be read: write it with snappy, zstd, lz4, gzip \
                 or without compression",
                codec(other)
            ));
        }
    };
    // A page of nothing is compressed to a few bytes, or to none.
    Ok(compressed.saturating_mul(times).saturating_add(64))
}

fn codec(compression: Compression) -> String {
    let name = format!("{compression:?}").to_ascii_lowercase();
    name.split('(').next().unwrap_or_default().to_owned()
}
