//! The lines of a file, found by their number.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Map, Value};

use super::{
    super::{super::file::Beginning, kept::Kept},
    line,
};

/// Lines between two whose places are kept.
const STEP: u64 = 64;
/// Longest line: a vector of the largest dimension has a tenth of it.
const LONGEST: usize = 16 << 20;
/// Bytes of lines that are kept.
const KEEP: usize = 32 << 20;
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// The lines of a file.
#[derive(Debug)]
pub(super) struct Lines {
    file: File,
    size: u64,
    pub(super) rows: u64,
    /// Where every [`STEP`]th line begins.
    places: Vec<u64>,
    /// Lines as they stand there, of the last blocks.
    kept: Mutex<Kept<u64, Vec<Vec<u8>>>>,
}

impl Lines {
    /// Counts the lines; those without anything but spaces are none.
    pub(super) fn open(beginning: &Beginning) -> Result<Self, String> {
        let file = beginning.keep()?;
        let size = beginning.size;
        let (mut rows, mut places) = (0_u64, Vec::new());
        let mut buffer = vec![0; 1 << 20];
        let (mut at, mut start, mut is_blank) = (0_u64, 0_u64, true);
        if beginning.head.starts_with(BOM) {
            (at, start) = (BOM.len() as u64, BOM.len() as u64);
        }
        let mut end = |start: u64, at: u64, is_blank: bool| {
            if at - start > LONGEST as u64 {
                return Err(format!(
                    "has a line of {} bytes at byte {start}, expected at most {LONGEST}: one \
                     object a line",
                    at - start
                ));
            }
            if !is_blank {
                if rows.is_multiple_of(STEP) {
                    places.push(start);
                }
                rows += 1;
            }
            Ok(())
        };
        while at < size {
            let part = &mut buffer[..(size - at).min(1 << 20) as usize];
            file.read_exact_at(part, at)
                .map_err(|error| format!("can't be read at byte {at} ({error})"))?;
            for byte in part.iter() {
                if *byte == b'\n' {
                    end(start, at, is_blank)?;
                    (start, is_blank) = (at + 1, true);
                } else if !byte.is_ascii_whitespace() {
                    is_blank = false;
                }
                at += 1;
            }
        }
        end(start, size, is_blank)?;
        if rows == 0 {
            return Err(format!("has no lines with an object in its {size} bytes"));
        }
        Ok(Self {
            file,
            size,
            rows,
            places,
            kept: Mutex::new(Kept::new(KEEP)),
        })
    }

    /// The lines of a block.
    fn block(&self, number: u64) -> Result<Arc<Vec<Vec<u8>>>, String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = kept.get(&number) {
            return Ok(block);
        }
        let start = self.places[number as usize];
        let end = self
            .places
            .get(number as usize + 1)
            .copied()
            .unwrap_or(self.size);
        let mut bytes = vec![0; (end - start) as usize];
        self.file
            .read_exact_at(&mut bytes, start)
            .map_err(|error| format!("can't be read at byte {start} ({error})"))?;
        let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let lines: Vec<Vec<u8>> = lines
            .filter(|line| !line.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        Ok(kept.put(number, lines, bytes.len()))
    }

    /// Gives every line of `count` rows from row `first` on to `take`.
    fn each(
        &self,
        first: u64,
        count: u64,
        mut take: impl FnMut(u64, &[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut row = first;
        while row < first + count {
            let block = self.block(row / STEP)?;
            let within = (row % STEP) as usize;
            let changed = || "was changed since it was opened".to_owned();
            let line = block.get(within).ok_or_else(changed)?;
            take(row, line)?;
            row += 1;
        }
        Ok(())
    }

    /// The object in a line.
    pub(super) fn object(&self, row: u64) -> Result<Map<String, Value>, String> {
        let mut found = Map::new();
        self.each(row, 1, |row, line| {
            found = line::object(row, line)?;
            Ok(())
        })?;
        Ok(found)
    }

    pub(super) fn objects(
        &self,
        first: u64,
        count: u64,
        mut take: impl FnMut(u64, Map<String, Value>) -> Result<(), String>,
    ) -> Result<(), String> {
        self.each(first, count, |row, line| {
            take(row, line::object(row, line)?)
        })
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }
}
