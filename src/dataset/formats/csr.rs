//! `format = "csr"`: sparse files of the big-ann-benchmarks.
//!
//! i64 rows, i64 columns, i64 pairs; `i64 places[rows + 1]`, where the pairs of each row begin and
//! the last one ends; `i32 indices[pairs]`; `f32 values[pairs]`; everything little-endian. The
//! indices of a row come in any order, as SciPy may leave them, and are sorted when they are read.

use std::{fs::File, os::unix::fs::FileExt, sync::Arc};

use super::{
    super::{
        element::{Element, put_sparse_row},
        file::{Beginning, read_at, unreadable},
        foreign,
        format::{Asked, DatasetEntry, FileFormat, Format, no_parts},
        vectors::Vectors,
    },
    ibin,
};

pub(in crate::dataset) const ENTRY: DatasetEntry = DatasetEntry {
    name: "csr",
    summary: "sparse files of the big-ann-benchmarks, true neighbours as ibin",
    format: Format::Files(FileFormat {
        extensions: &["csr", "spmat"],
        recognises: |beginning| Header::of(beginning).is_some_and(|header| header.fits(beginning)),
        vectors: open,
        truth: Some(ibin::NEIGHBOURS),
        parts: no_parts,
    }),
};

/// Bytes before the places: three i64.
const HEADER: u64 = 24;
/// Bytes of an index and its value.
const PAIR: u64 = 8;

/// The numbers at the beginning of a file.
#[derive(Clone, Copy, Debug)]
struct Header {
    rows: u64,
    columns: u64,
    pairs: u64,
}

impl Header {
    /// None where the file is shorter than it, or a number is negative.
    fn of(beginning: &Beginning) -> Option<Self> {
        let (numbers, _) = beginning.head.as_chunks();
        let number = |at: usize| u64::try_from(i64::from_le_bytes(*numbers.get(at)?)).ok();
        Some(Self {
            rows: number(0)?,
            columns: number(1)?,
            pairs: number(2)?,
        })
    }

    fn size(self) -> u128 {
        u128::from(HEADER) + 8 * (u128::from(self.rows) + 1) + 8 * u128::from(self.pairs)
    }

    fn fits(self, beginning: &Beginning) -> bool {
        self.size() == u128::from(beginning.size)
    }

    /// Where the indices begin.
    fn indices(self) -> u64 {
        HEADER + 8 * (self.rows + 1)
    }

    /// Where the values begin.
    fn values(self) -> u64 {
        self.indices() + 4 * self.pairs
    }
}

/// Rows of a file whose header fits its size.
#[derive(Debug)]
struct Rows {
    file: File,
    header: Header,
    columns: u32,
}

fn open(asked: &Asked<'_>) -> Result<Arc<dyn Vectors>, String> {
    let beginning = asked.beginning;
    let (file, size) = (beginning.keep()?, beginning.size);
    let by_first_bytes = || foreign::by_first_bytes(&beginning.head);
    let refuse = |story: String| Err(by_first_bytes().unwrap_or(story));
    let Some(header) = Header::of(beginning) else {
        return refuse(match size {
            0 => "is empty (0 bytes)".to_owned(),
            1..HEADER => format!("has {size} bytes, a header alone has {HEADER}"),
            _ => "has a negative number in its header (bytes 0 to 23: rows, columns, pairs), is \
                  it in this format?"
                .to_owned(),
        });
    };
    let Header {
        rows,
        columns,
        pairs,
    } = header;
    if !header.fits(beginning) {
        let story = if u128::from(size) < header.size() {
            "it is truncated, or its header is wrong"
        } else {
            "it continues after them, so the header or the file is wrong"
        };
        return refuse(format!(
            "has {size} bytes, but its header (bytes 0 to 23: {rows} rows, {columns} columns, \
             {pairs} pairs) asks for {}: {story}",
            header.size()
        ));
    }
    if rows == 0 {
        return Err("has no vectors: its header says 0 rows (byte 0)".to_owned());
    }
    let Some(columns) = u32::try_from(columns).ok().filter(|columns| *columns > 0) else {
        return Err(format!(
            "has {columns} columns in its header (byte 8), expected 1 to {}",
            u32::MAX
        ));
    };
    for (number, expected) in [(0, 0), (rows, pairs)] {
        let mut place = [0; 8];
        file.read_exact_at(&mut place, HEADER + 8 * number)
            .map_err(|error| unreadable(number, &error))?;
        let found = i64::from_le_bytes(place);
        if i128::from(found) != i128::from(expected) {
            return Err(format!(
                "has place {found} at byte {}, expected {expected}: the {} row {} there",
                HEADER + 8 * number,
                if number == 0 { "first" } else { "last" },
                if number == 0 { "begins" } else { "ends" },
            ));
        }
    }
    Ok(Arc::new(Rows {
        file,
        header,
        columns,
    }))
}

impl Rows {
    /// Where the pairs of `count` rows begin, and where the last one ends.
    fn places(&self, first: u64, count: u64) -> Result<Vec<u64>, String> {
        let mut bytes = Vec::new();
        read_at(&self.file, HEADER + 8 * first, 8 * (count + 1), &mut bytes)
            .map_err(|error| unreadable(first, &error))?;
        let mut places = Vec::with_capacity(count as usize + 1);
        let mut before = 0;
        for (number, place) in bytes.as_chunks().0.iter().enumerate() {
            let found = i64::from_le_bytes(*place);
            let allowed = before..=self.header.pairs;
            let place = u64::try_from(found).ok();
            let Some(place) = place.filter(|place| allowed.contains(place)) else {
                let row = first + number as u64;
                return Err(format!(
                    "has place {found} of row {row} (byte {}), expected {before} to {}: places \
                     rise, and none is beyond the last pair",
                    HEADER + 8 * row,
                    self.header.pairs
                ));
            };
            before = place;
            places.push(place);
        }
        Ok(places)
    }

    /// Appends one row, whose pairs begin at the place `start`.
    fn append(
        &self,
        row: u64,
        start: u64,
        pairs: &mut [(u32, [u8; 4])],
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let beyond = |(index, _): &(u32, [u8; 4])| *index >= self.columns;
        if let Some(at) = pairs.iter().position(beyond) {
            return Err(format!(
                "has index {} in row {row} (byte {}), expected 0 to {}: its header says {} columns",
                pairs[at].0.cast_signed(),
                self.header.indices() + 4 * (start + at as u64),
                self.columns - 1,
                self.columns
            ));
        }
        if !pairs.is_sorted_by_key(|(index, _)| *index) {
            pairs.sort_by_key(|(index, _)| *index);
        }
        if let Some([(index, _), _]) = pairs.array_windows().find(|[a, b]| a.0 == b.0) {
            return Err(format!(
                "has index {index} twice in row {row} (indices from byte {} on): each may appear \
                 once",
                self.header.indices() + 4 * start
            ));
        }
        let mut bytes = Vec::with_capacity(pairs.len() * PAIR as usize);
        for (index, value) in pairs {
            bytes.extend_from_slice(&index.to_le_bytes());
            bytes.extend_from_slice(value);
        }
        put_sparse_row(&bytes, out);
        Ok(())
    }
}

impl Vectors for Rows {
    fn rows(&self) -> u64 {
        self.header.rows
    }

    fn values(&self) -> u32 {
        self.columns
    }

    fn element(&self) -> Element {
        Element::Sparse
    }

    fn size(&self) -> u64 {
        // Each row has a tag and a length.
        PAIR * self.header.pairs + 2 * self.header.rows
    }

    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
        let places = self.places(first, count)?;
        let (Some(start), Some(end)) = (places.first(), places.last()) else {
            return Ok(());
        };
        let read = |from: u64| {
            let mut bytes = Vec::new();
            read_at(&self.file, from + 4 * start, 4 * (end - start), &mut bytes)
                .map_err(|error| unreadable(first, &error))?;
            Ok::<_, String>(bytes)
        };
        let (indices, values) = (read(self.header.indices())?, read(self.header.values())?);
        let indices = indices
            .as_chunks()
            .0
            .iter()
            .map(|index| u32::from_le_bytes(*index));
        let mut all: Vec<_> = indices.zip(values.as_chunks().0.iter().copied()).collect();
        let mut rest = &mut all[..];
        for (row, place) in (first..).zip(places.windows(2)) {
            let pairs = rest.split_off_mut(..(place[1] - place[0]) as usize);
            self.append(row, place[0], pairs.unwrap_or_default(), out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
