//! A column read by row: blocks of decoded rows, of which the last ones are kept, and a place
//! within the file from which the next block can be read without going back.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use parquet::{
    column::reader::{ColumnReader, get_column_reader},
    file::serialized_reader::SerializedPageReader,
};

use super::{
    super::{
        guard::{guarded, one_line},
        kept::Kept,
    },
    file::{Files, Group},
    pages::{self, Pages},
};

/// What rows of a column become.
pub(super) trait Decode: Send + Sync + fmt::Debug {
    /// Decoded rows.
    type Block: Send + Sync;

    /// Values of a row, if all rows have as many.
    fn width(&self) -> Option<u64>;

    /// Most rows of a block.
    fn rows(&self) -> u64;

    /// The next `rows` rows.
    fn decode(&self, reader: &mut ColumnReader, rows: usize) -> Result<Self::Block, Fault>;

    /// Bytes that a block takes in memory.
    fn bytes(block: &Self::Block) -> usize;
}

/// Rows that can't be used.
#[derive(Debug)]
pub(super) struct Fault {
    /// The row among those that were to be decoded, if it is known.
    pub(super) row: Option<usize>,
    /// What it holds, in words that go on after the name of the file; `{row}` stands for the row.
    pub(super) story: String,
}

impl From<parquet::errors::ParquetError> for Fault {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Self {
            row: None,
            story: one_line(&error.to_string()),
        }
    }
}

/// A column of files.
pub(super) struct Column<D: Decode> {
    files: Arc<Files>,
    /// Its number among the leaves of each file.
    leaves: Vec<usize>,
    pub(super) decode: D,
    state: Mutex<State<D::Block>>,
}

impl<D: Decode> fmt::Debug for Column<D> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Column")
            .field("decode", &self.decode)
            .finish_non_exhaustive()
    }
}

/// Which block: row group, page, number within the page.
type Place = (usize, usize, u64);

struct State<B> {
    /// Of the row group that was read last.
    pages: Option<(usize, Arc<Pages>)>,
    cursor: Option<Cursor>,
    blocks: Kept<Place, B>,
}

/// A reader, and the block that it is in front of.
struct Cursor {
    place: Place,
    reader: ColumnReader,
}

/// A block of rows and where it lies.
struct Span {
    place: Place,
    /// Its first row among all rows.
    first: u64,
    rows: u64,
    /// The place of the block after it, if it is in the same row group.
    next: Option<Place>,
}

impl<D: Decode> Column<D> {
    pub(super) fn new(files: Arc<Files>, leaves: Vec<usize>, decode: D, keep: usize) -> Self {
        Self {
            files,
            leaves,
            decode,
            state: Mutex::new(State {
                pages: None,
                cursor: None,
                blocks: Kept::new(keep),
            }),
        }
    }

    /// Gives `take` the blocks that hold `count` rows from row `first` on: each with its first row
    /// to be taken and their number; None of it says that the block has fewer.
    ///
    /// # Errors
    /// In words that go on after the name of the file.
    pub(super) fn read(
        &self,
        first: u64,
        count: u64,
        mut take: impl FnMut(&D::Block, usize, usize) -> Option<()>,
    ) -> Result<(), String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut row, end) = (first, first + count);
        while row < end {
            let span = self.span(&mut state, row)?;
            let block = self.block(&mut state, &span)?;
            let taken = (end - row).min(span.first + span.rows - row);
            // Levels of a damaged page may begin fewer rows than it says.
            if take(&block, (row - span.first) as usize, taken as usize).is_none() {
                let story = "there are fewer in their page".to_owned();
                let file = self.files.groups[span.place.0].file;
                return Err(self.of_file(file, &self.fault(&span, Fault { row: None, story })));
            }
            row += taken;
        }
        Ok(())
    }

    fn span(&self, state: &mut State<D::Block>, row: u64) -> Result<Span, String> {
        let groups = &self.files.groups;
        let number = groups.partition_point(|group| group.first <= row) - 1;
        let group = groups[number];
        let pages = self.pages(state, number, group)?;
        let within = row - group.first;
        let page = pages.starts.partition_point(|start| *start <= within) - 1;
        // Of pages without rows, the last one that begins there is the one with the row.
        let start = pages.starts[page];
        let page_end = pages.starts.get(page + 1).copied().unwrap_or(group.rows);
        let block = (within - start) / self.decode.rows();
        let first = start + block * self.decode.rows();
        let rows = self.decode.rows().min(page_end - first);
        let next = if first + rows < page_end {
            Some((number, page, block + 1))
        } else {
            let next = pages.starts.partition_point(|start| *start <= page_end);
            (page_end < group.rows).then(|| (number, next - 1, 0))
        };
        Ok(Span {
            place: (number, page, block),
            first: group.first + first,
            rows,
            next,
        })
    }

    fn pages(
        &self,
        state: &mut State<D::Block>,
        number: usize,
        group: Group,
    ) -> Result<Arc<Pages>, String> {
        if let Some((known, pages)) = &state.pages
            && *known == number
        {
            return Ok(Arc::clone(pages));
        }
        let chunk = self.files.chunk(group, self.leaves[group.file]);
        let file = &self.files.list[group.file];
        let found = guarded("Parquet", || {
            pages::find(&file.at, chunk, group.rows, self.decode.width())
        });
        let found = Arc::new(found.map_err(|story| self.of_file(group.file, &story))?);
        state.pages = Some((number, Arc::clone(&found)));
        Ok(found)
    }

    fn block(&self, state: &mut State<D::Block>, span: &Span) -> Result<Arc<D::Block>, String> {
        if let Some(block) = state.blocks.get(&span.place) {
            return Ok(block);
        }
        let cursor = state.cursor.take();
        let file = self.files.groups[span.place.0].file;
        // What a panic leaves behind is dropped with the cursor.
        let (block, cursor) = guarded("Parquet", || {
            let mut cursor = match cursor.filter(|cursor| cursor.place == span.place) {
                Some(cursor) => cursor,
                None => self.cursor(state, span)?,
            };
            let read = self.decode.decode(&mut cursor.reader, span.rows as usize);
            let block = read.map_err(|fault| self.fault(span, fault))?;
            Ok((block, cursor))
        })
        .map_err(|story| self.of_file(file, &story))?;
        state.cursor = span.next.map(|place| Cursor { place, ..cursor });
        let bytes = D::bytes(&block);
        Ok(state.blocks.put(span.place, block, bytes))
    }

    /// A reader in front of a block: pages before it are passed over, in its own the rows.
    fn cursor(&self, state: &State<D::Block>, span: &Span) -> Result<Cursor, String> {
        let group = self.files.groups[span.place.0];
        let file = &self.files.list[group.file];
        let chunk = self.files.chunk(group, self.leaves[group.file]);
        let pages = state.pages.as_ref().map(|(_, pages)| Arc::clone(pages));
        let locations = pages.and_then(|pages| pages.locations.clone());
        let unreadable = |error: parquet::errors::ParquetError| {
            let name = self.files.row_name(span.first);
            let cause = one_line(&error.to_string());
            format!("can't be read at {name} ({cause}): it is damaged")
        };
        let at = Arc::clone(&file.at);
        let pages = SerializedPageReader::new(at, chunk, group.rows as usize, locations);
        let pages = Box::new(pages.map_err(unreadable)?);
        let mut reader = get_column_reader(chunk.column_descr_ptr(), pages);
        let before = (span.first - group.first) as usize;
        if pass(&mut reader, before).map_err(unreadable)? != before {
            let name = self.files.row_name(span.first);
            return Err(format!("ends before {name}: it is damaged"));
        }
        Ok(Cursor {
            place: span.place,
            reader,
        })
    }

    fn fault(&self, span: &Span, fault: Fault) -> String {
        match fault.row {
            Some(row) => {
                let name = self.files.row_name(span.first + row as u64);
                fault.story.replace("{row}", &name)
            }
            None => {
                let name = self.files.row_name(span.first);
                let (rows, cause) = (span.rows, fault.story);
                format!("can't be read in the {rows} rows from {name} on ({cause}): it is damaged")
            }
        }
    }

    /// Names the file, where there are several.
    fn of_file(&self, file: usize, story: &str) -> String {
        match &self.files.list[..] {
            [_] => story.to_owned(),
            list if story.contains(&list[file].name()) => story.to_owned(),
            list => format!("has a file {} that {story}", list[file].name()),
        }
    }
}

fn pass(reader: &mut ColumnReader, rows: usize) -> parquet::errors::Result<usize> {
    macro_rules! each {
        ($($kind:ident),*) => {
            match reader {
                $(ColumnReader::$kind(reader) => reader.skip_records(rows),)*
            }
        };
    }
    each!(
        BoolColumnReader,
        Int32ColumnReader,
        Int64ColumnReader,
        Int96ColumnReader,
        FloatColumnReader,
        DoubleColumnReader,
        ByteArrayColumnReader,
        FixedLenByteArrayColumnReader
    )
}
