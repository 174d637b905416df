//! Parquet files as they are opened: footers, and rows that go on from file to file.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use parquet::{
    errors::ParquetError,
    file::{
        metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader},
        reader::{ChunkReader, Length},
    },
    schema::types::SchemaDescriptor,
};

use super::super::guard::{guarded, one_line};

/// Largest footer: ten times that of a file of 40 GiB with a thousand columns.
const LARGEST_FOOTER: u64 = 32 << 20;
/// The last bytes: length of the footer, and `PAR1`.
const TAIL: u64 = 8;

/// A file that is read by position, so that its readers do not disturb each other.
#[derive(Debug)]
pub(super) struct At {
    file: File,
    size: u64,
}

/// What is left of a file from a place on.
pub(super) struct From {
    at: Arc<File>,
    offset: u64,
}

impl Read for From {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.at.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl At {
    /// At most `length` bytes from `offset` on.
    pub(super) fn some(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let left = self.size.saturating_sub(offset);
        let mut bytes = vec![0; left.min(length as u64) as usize];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

impl Length for At {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for At {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let at = Arc::new(self.file.try_clone()?);
        Ok(BufReader::new(From { at, offset: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes, ParquetError> {
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.size) {
            let story = format!("{length} bytes at {start} are beyond its end");
            return Err(ParquetError::EOF(story));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// One file.
#[derive(Debug)]
pub(super) struct OneFile {
    pub(super) path: PathBuf,
    pub(super) at: Arc<At>,
    pub(super) metadata: ParquetMetaData,
}

impl OneFile {
    /// Reads the footer.
    ///
    /// # Errors
    /// In words that go on after the name of the file.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| format!("can't be opened: {error}"))?;
        let size = file.metadata().map(|about| about.len());
        let size = size.map_err(|error| format!("can't be read: {error}"))?;
        let at = Arc::new(At { file, size });
        check_footer(&at)?;
        let metadata = guarded("Parquet", || {
            let read = ParquetMetaDataReader::new().parse_and_finish(&*at);
            read.map_err(|error| {
                let cause = one_line(&error.to_string());
                format!(
                    "has a footer that can't be read ({cause}): it is damaged, or no Parquet file"
                )
            })
        })?;
        for (number, group) in metadata.row_groups().iter().enumerate() {
            if group.num_rows() < 0 {
                let rows = group.num_rows();
                return Err(format!("says that row group {number} has {rows} rows"));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            at,
            metadata,
        })
    }

    pub(super) fn schema(&self) -> &SchemaDescriptor {
        self.metadata.file_metadata().schema_descr()
    }

    /// Its name without the folder.
    pub(super) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// The footer's length is checked before it is read.
fn check_footer(at: &At) -> Result<(), String> {
    let size = at.size;
    if size < 4 + TAIL {
        return Err(format!(
            "has {size} bytes, expected at least {}: it is truncated",
            4 + TAIL
        ));
    }
    let tail = at.some(size - TAIL, TAIL as usize);
    let tail = tail.map_err(|error| format!("can't be read: {error}"))?;
    let (length, magic) = tail.split_at(4);
    if magic == b"PARE" {
        return Err("is an encrypted Parquet file, which can't be read".to_owned());
    }
    if magic != b"PAR1" {
        let found = magic.escape_ascii();
        return Err(format!(
            "ends in \"{found}\" at byte {}, expected \"PAR1\" after the footer: it is truncated, \
             or still being written",
            size - 4
        ));
    }
    let length = length
        .iter()
        .rev()
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let most = (size - 4 - TAIL).min(LARGEST_FOOTER);
    if length > most {
        return Err(format!(
            "says at byte {} that its footer has {length} bytes, expected at most {most}: it is \
             damaged",
            size - TAIL
        ));
    }
    Ok(())
}

/// A row group of one of the files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) file: usize,
    /// Its number within the file.
    pub(super) number: usize,
    /// Its first row, among those of all files.
    pub(super) first: u64,
    pub(super) rows: u64,
}

/// Files whose rows follow each other.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) list: Vec<OneFile>,
    /// Those with rows.
    pub(super) groups: Vec<Group>,
    pub(super) rows: u64,
}

impl Files {
    /// Opens files, `asked` the one whose name messages have already.
    ///
    /// # Errors
    /// In words that go on after `asked`.
    pub(super) fn open(asked: &Path, paths: &[PathBuf]) -> Result<Self, String> {
        let (mut list, mut groups, mut rows) = (Vec::new(), Vec::new(), 0_u64);
        for (file, path) in paths.iter().enumerate() {
            let opened = OneFile::open(path).map_err(|story| {
                if path == asked {
                    return story;
                }
                let name = path.strip_prefix(asked).unwrap_or(path);
                format!("has a file {} that {story}", name.display())
            })?;
            for (number, group) in opened.metadata.row_groups().iter().enumerate() {
                let count = group.num_rows() as u64;
                if count > 0 {
                    groups.push(Group {
                        file,
                        number,
                        first: rows,
                        rows: count,
                    });
                }
                rows = rows
                    .checked_add(count)
                    .ok_or("says that it has more than 2^64 rows")?;
            }
            list.push(opened);
        }
        Ok(Self { list, groups, rows })
    }

    pub(super) fn chunk(&self, group: Group, leaf: usize) -> &ColumnChunkMetaData {
        let metadata = &self.list[group.file].metadata;
        metadata.row_group(group.number).column(leaf)
    }

    /// Names of the columns, for messages.
    pub(super) fn names(&self) -> String {
        let Some(first) = self.list.first() else {
            return String::new();
        };
        let fields = first.schema().root_schema().get_fields();
        let names: Vec<&str> = fields.iter().map(|field| field.name()).take(20).collect();
        names.join(", ")
    }

    /// A row as messages call it: its number within its file, and which file if there are several.
    pub(super) fn row_name(&self, row: u64) -> String {
        let before = |group: &Group| group.first <= row;
        let place = self.groups.partition_point(before).saturating_sub(1);
        let Some(group) = self.groups.get(place) else {
            return format!("row {row}");
        };
        let first_of_file = self.groups.iter().find(|other| other.file == group.file);
        let row = row - first_of_file.map_or(0, |group| group.first);
        match &self.list[..] {
            [_] => format!("row {row}"),
            list => format!("row {row} of {}", list[group.file].name()),
        }
    }
}
