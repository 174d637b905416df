//! Arrays of an HDF5 file.

use std::{
    fmt,
    fs::File,
    os::unix::fs::FileExt,
    sync::{Arc, Mutex, PoisonError},
};

use hdf5_pure::{
    ChunkCacheConfig, Dataset, Datatype, DatatypeByteOrder, File as Opened, FileAccessProperties,
    FloatingPointLayout, FormatError, Layout, Source,
};

use super::super::{
    super::{
        element::Element,
        file::{Beginning, read_at, unreadable},
    },
    guard::{guarded, one_line},
    kept::Kept,
};

/// Keys of `[data.<name>]` that this format takes.
pub(super) const KEYS: &[&str] = &["vector", "query_vector", "neighbors"];
/// Bytes of rows that are kept of an array in chunks.
const KEEP: usize = 64 << 20;
/// Bytes of a block of rows, where chunks are smaller.
const BLOCK: u64 = 1 << 20;
/// Largest chunk, which is decompressed as a whole.
const LARGEST_CHUNK: u64 = 256 << 20;
/// Most bytes that a byte of a compressed chunk can become.
const MOST_TIMES: u64 = 1040;
/// Most chunks: their places are kept in memory, about 100 bytes each.
const MOST_CHUNKS: u64 = 1_000_000;

/// A file that is read by position.
struct At {
    file: File,
    size: u64,
}

impl Source for At {
    fn len(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FormatError> {
        self.file
            .read_exact_at(buffer, offset)
            .map_err(|error| FormatError::Source(error.to_string()))
    }
}

/// A file.
pub(super) struct Hdf5 {
    opened: Opened,
    raw: Arc<File>,
    size: u64,
}

fn story(error: &hdf5_pure::Error) -> String {
    one_line(&error.to_string())
}

impl Hdf5 {
    /// # Errors
    /// In words that go on after the name of the file.
    pub(super) fn open(beginning: &Beginning) -> Result<Self, String> {
        let size = beginning.size;
        let at = At {
            file: beginning.keep()?,
            size,
        };
        // Rows are kept decoded here, a chunk that two reads share is rare.
        let cache = ChunkCacheConfig::new();
        let options = FileAccessProperties::new().with_chunk_cache(cache);
        let opened = guarded("HDF5", || {
            Opened::from_source_with_options(at, options).map_err(|error| {
                format!(
                    "can't be read as HDF5 ({}): it has {size} bytes, and is truncated, damaged \
                     or no HDF5 file",
                    story(&error)
                )
            })
        })?;
        // What lies behind the end may be an array that nothing else misses.
        let end = opened.superblock().eof_address;
        if end > size {
            return Err(format!(
                "has {size} bytes, expected {end} as its beginning says: it is truncated"
            ));
        }
        Ok(Self {
            opened,
            raw: Arc::new(beginning.keep()?),
            size,
        })
    }

    /// Whether there is an array of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        let found = guarded("HDF5", || Ok(self.opened.dataset(name).is_ok()));
        found.unwrap_or(false)
    }

    /// Whether rows are sets of numbers one after another, as the attribute `type` says.
    pub(super) fn is_of_sets(&self) -> bool {
        let attributes = guarded("HDF5", || {
            self.opened.root().attrs().map_err(|error| story(&error))
        });
        attributes.is_ok_and(|all| all.get("type").and_then(|word| word.as_str()) == Some("sparse"))
    }

    /// The attribute `dimension`.
    pub(super) fn dimension(&self) -> Option<u64> {
        let attributes = guarded("HDF5", || {
            self.opened.root().attrs().map_err(|error| story(&error))
        });
        attributes.ok()?.get("dimension")?.as_u64()
    }

    /// The array that `key` of the data set names.
    ///
    /// # Errors
    /// It is not there, or holds no numbers.
    pub(super) fn array(&self, key: &str, name: &str) -> Result<Array, String> {
        guarded("HDF5", || {
            let dataset = self.opened.dataset(name).map_err(|_| {
                let names = self.opened.root().datasets().unwrap_or_default();
                let mut names: Vec<&str> = names.iter().take(20).map(String::as_str).collect();
                names.sort_unstable();
                let there = match &names[..] {
                    [] => "it has none at the top".to_owned(),
                    names => format!("it has {}", names.join(", ")),
                };
                format!("has no array {name}, which `{key}` names otherwise: {there}")
            })?;
            self.opened_array(name, dataset)
        })
    }

    fn opened_array(&self, name: &str, dataset: Dataset) -> Result<Array, String> {
        let told = |error| array_story(name, &error);
        let kind = dataset.datatype().map_err(told)?;
        let (element, is_swapped) = element(&kind).ok_or_else(|| {
            let found = dataset.dtype().map_or_else(
                |_| "an unknown type".to_owned(),
                |kind| one_line(&kind.to_string()),
            );
            format!("has an array {name} of {found}, expected numbers or booleans")
        })?;
        let shape = dataset.shape().map_err(told)?;
        let count = shape
            .iter()
            .try_fold(1_u64, |all, size| all.checked_mul(*size));
        let bytes = count.and_then(|count| count.checked_mul(element.bytes() as u64));
        let bytes = bytes.ok_or_else(|| {
            format!("says that its array {name} has {shape:?} values, more than any file holds")
        })?;
        let rows = shape.first().copied().unwrap_or(1);
        let row = bytes.checked_div(rows).unwrap_or(0);
        let layout = dataset.layout().map_err(told)?;
        let storage = match self.plain(name, &layout, bytes)? {
            Some(storage) => storage,
            None => {
                let chunk = match layout {
                    Layout::Chunked { chunk_shape, .. } => chunk_shape,
                    _ => shape.clone(),
                };
                let rows = self.check_chunks(name, &shape, &chunk, element)?;
                self.check_stored(name, &dataset)?;
                let of_block = (BLOCK / row.max(1) / rows.max(1)).max(1) * rows;
                Storage::Chunks {
                    dataset,
                    rows: of_block,
                    kept: Mutex::new(Kept::new(KEEP)),
                }
            }
        };
        Ok(Array {
            name: name.to_owned(),
            element,
            is_swapped,
            shape,
            row,
            storage,
        })
    }

    /// Where the values stand one after another; None where they must be read in chunks.
    ///
    /// # Errors
    /// They are not in the file.
    fn plain(&self, name: &str, layout: &Layout, bytes: u64) -> Result<Option<Storage>, String> {
        match *layout {
            Layout::Contiguous {
                address: Some(address),
                size,
            } => {
                let end = address.checked_add(size.max(bytes));
                if size < bytes || end.is_none_or(|end| end > self.size) {
                    return Err(format!(
                        "says that its array {name} has {bytes} bytes of values at byte {address}, \
                         expected them within its {} bytes: it is truncated or damaged",
                        self.size
                    ));
                }
                Ok(Some(Storage::Plain {
                    file: Arc::clone(&self.raw),
                    address,
                }))
            }
            Layout::Contiguous { address: None, .. } if bytes > 0 => Err(format!(
                "has an array {name} whose values were never written"
            )),
            Layout::Virtual => Err(format!(
                "has an array {name} whose values are in other files: copy it with h5repack"
            )),
            _ if bytes > self.size.saturating_mul(MOST_TIMES) => Err(format!(
                "says that its array {name} has {bytes} bytes of values, expected at most \
                 {MOST_TIMES} times its {} bytes, to which they can be compressed",
                self.size
            )),
            _ => Ok(None),
        }
    }

    /// Rows of a chunk, where number and size of the chunks can be handled.
    fn check_chunks(
        &self,
        name: &str,
        shape: &[u64],
        chunk: &[u64],
        element: Element,
    ) -> Result<u64, String> {
        let values = chunk
            .iter()
            .try_fold(1_u64, |all, size| all.checked_mul(*size));
        let bytes = values.and_then(|values| values.checked_mul(element.bytes() as u64));
        let most = LARGEST_CHUNK.min(self.size.saturating_mul(MOST_TIMES));
        if bytes.is_none_or(|bytes| bytes > most) || chunk.contains(&0) {
            return Err(format!(
                "has an array {name} in chunks of {chunk:?} values, expected at most {most} bytes \
                 each: write it with smaller chunks (h5repack)"
            ));
        }
        let count = shape
            .iter()
            .zip(chunk)
            .try_fold(1_u64, |all, (size, chunk)| {
                all.checked_mul(size.div_ceil(*chunk).max(1))
            });
        // A chunk that is there takes a byte at least; those that are not hold the fill value.
        if count.is_none_or(|count| count > MOST_CHUNKS) {
            return Err(format!(
                "has an array {name} of {shape:?} values in chunks of {chunk:?}, expected at most \
                 {MOST_CHUNKS} chunks: write it with larger chunks (h5repack)"
            ));
        }
        Ok(chunk.first().copied().unwrap_or(1))
    }
}

impl Hdf5 {
    /// Checks where the chunks of an array are stored: the crate makes room for as many bytes as
    /// the index of the chunks says.
    fn check_stored(&self, name: &str, dataset: &Dataset) -> Result<(), String> {
        // Arrays that are not in chunks have none, and some kinds of index can't be listed.
        let chunks = guarded("HDF5", || Ok(dataset.chunks().unwrap_or_default()))?;
        let is_within = |chunk: &hdf5_pure::Chunk| {
            let end = chunk.address.checked_add(chunk.storage_size);
            end.is_some_and(|end| end <= self.size)
        };
        match chunks.iter().find(|chunk| !is_within(chunk)) {
            None => Ok(()),
            Some(chunk) => Err(format!(
                "says that a chunk of its array {name} has {} bytes at byte {}, expected them \
                 within its {} bytes: it is truncated or damaged",
                chunk.storage_size, chunk.address, self.size
            )),
        }
    }
}

/// Why an array can't be used, in words that go on after the name of the file.
fn array_story(name: &str, error: &hdf5_pure::Error) -> String {
    match error {
        hdf5_pure::Error::Format(FormatError::InvalidLayoutVersion(version)) => format!(
            "has an array {name} with version {version} of the data layout, expected 1 to 4: write \
             it with libver=\"v110\" in h5py"
        ),
        _ => format!("has an array {name} that can't be read ({})", story(error)),
    }
}

/// The type of the values, and whether they are big-endian.
fn element(kind: &Datatype) -> Option<(Element, bool)> {
    let swapped = |order: &DatatypeByteOrder| match order {
        DatatypeByteOrder::LittleEndian => Some(false),
        DatatypeByteOrder::BigEndian => Some(true),
        DatatypeByteOrder::Vax => None,
    };
    match kind {
        Datatype::FixedPoint {
            size,
            byte_order,
            layout,
        } if layout.bit_offset == 0 && u32::from(layout.bit_precision) == size * 8 => {
            let element = match (size, layout.signed) {
                (1, true) => Element::I8,
                (1, false) => Element::U8,
                (2, true) => Element::I16,
                (2, false) => Element::U16,
                (4, true) => Element::I32,
                (4, false) => Element::U32,
                (8, true) => Element::I64,
                (8, false) => Element::U64,
                _ => return None,
            };
            Some((element, swapped(byte_order)?))
        }
        Datatype::FloatingPoint {
            size,
            byte_order,
            layout,
        } => {
            let element = match size {
                4 if *layout == FloatingPointLayout::IEEE754_BINARY32 => Element::F32,
                8 if *layout == FloatingPointLayout::IEEE754_BINARY64 => Element::F64,
                2 if layout.exponent_size == 5 && layout.mantissa_size == 10 => Element::F16,
                _ => return None,
            };
            Some((element, swapped(byte_order)?))
        }
        // h5py's booleans.
        Datatype::Enumeration {
            base_type, members, ..
        } if members.len() == 2 => {
            let names: Vec<String> = members
                .iter()
                .map(|member| member.name.to_ascii_lowercase())
                .collect();
            let is_bool = names.iter().any(|name| name == "true") && base_type.type_size() == 1;
            is_bool.then_some((Element::Bool, false))
        }
        _ => None,
    }
}

/// Numbers of an array, by rows.
pub(super) struct Array {
    name: String,
    pub(super) element: Element,
    is_swapped: bool,
    pub(super) shape: Vec<u64>,
    /// Bytes of a row.
    row: u64,
    storage: Storage,
}

enum Storage {
    /// In one piece.
    Plain { file: Arc<File>, address: u64 },
    Chunks {
        dataset: Dataset,
        /// Rows of a block.
        rows: u64,
        kept: Mutex<Kept<u64, Vec<u8>>>,
    },
}

impl fmt::Debug for Array {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut known = to.debug_struct("Array");
        known.field("name", &self.name).field("shape", &self.shape);
        known.finish_non_exhaustive()
    }
}

impl Array {
    /// Appends rows, little-endian.
    ///
    /// # Errors
    /// In words that go on after the name of the file.
    pub(super) fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
        let start = out.len();
        match &self.storage {
            Storage::Plain { file, address } => {
                read_at(file, address + first * self.row, count * self.row, out)
                    .map_err(|error| unreadable(first, &error))?;
            }
            Storage::Chunks {
                dataset,
                rows,
                kept,
            } => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let (mut row, end) = (first, first + count);
                while row < end {
                    let number = row / rows;
                    let block = match kept.get(&number) {
                        Some(block) => block,
                        None => {
                            let block = self.block(dataset, number * rows, *rows)?;
                            let bytes = block.len();
                            kept.put(number, block, bytes)
                        }
                    };
                    let within = row - number * rows;
                    let taken = (end - row).min(rows - within);
                    let bytes =
                        (within * self.row) as usize..((within + taken) * self.row) as usize;
                    out.extend_from_slice(&block[bytes]);
                    row += taken;
                }
            }
        }
        if self.is_swapped {
            for value in out[start..].chunks_exact_mut(self.element.bytes()) {
                value.reverse();
            }
        }
        Ok(())
    }

    fn block(&self, dataset: &Dataset, first: u64, rows: u64) -> Result<Vec<u8>, String> {
        let rows = rows.min(self.shape.first().copied().unwrap_or(1) - first);
        let found = guarded("HDF5", || {
            dataset.read_raw_rows(first, rows).map_err(|error| {
                format!(
                    "has an array {} that can't be read in {rows} rows from row {first} on ({}): \
                     it is damaged, or compressed in a way that is not supported",
                    self.name,
                    story(&error)
                )
            })
        })?;
        let expected = rows * self.row;
        if found.len() as u64 != expected {
            return Err(format!(
                "has an array {} with {} bytes in {rows} rows from row {first} on, expected \
                 {expected}",
                self.name,
                found.len()
            ));
        }
        Ok(found)
    }
}

/// Whole numbers as i64; of those of 64 bits without a sign, the largest become negative.
pub(super) fn whole(element: Element, bytes: &[u8]) -> Vec<i64> {
    let width = element.bytes();
    let is_signed = matches!(
        element,
        Element::I8 | Element::I16 | Element::I32 | Element::I64
    );
    let number = |bytes: &[u8]| {
        let negative = is_signed && bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut wide = if negative { [0xff; 8] } else { [0; 8] };
        wide[..width].copy_from_slice(bytes);
        i64::from_le_bytes(wide)
    };
    bytes.chunks_exact(width).map(number).collect()
}
