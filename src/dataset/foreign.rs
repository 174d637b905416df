//! What a file is that no format can read: named by its first bytes, or by the layout that its size
//! fits.
//!
//! Only files whose size does not fit their header come here, since the number of vectors may be
//! any four bytes, those of gzip too.

use std::{fs::File, os::unix::fs::FileExt};

use super::{element::Element, options::MAX_DIM};

/// Bytes before the first value: two u32.
const HEADER: u64 = 8;

/// First bytes of other formats, what they are, and what to do.
#[rustfmt::skip]
static MAGIC: &[(&[u8], &str)] = &[
    (b"version https://git-lfs", "is a pointer of Git LFS and not the file itself: fetch it with \
                                  `git lfs pull`"),
    (b"/annex/objects/", "is a pointer of git-annex and not the file itself: fetch it with `git \
                          annex get`"),
    (b"\x1f\x8b", "is compressed with gzip: unpack it with `gunzip`"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd: unpack it with `unzstd`"),
    (b"BZh", "is compressed with bzip2: unpack it with `bunzip2`"),
    (b"\xfd7zXZ\0", "is compressed with xz: unpack it with `unxz`"),
    (b"\x04\x22\x4d\x18", "is compressed with lz4: unpack it with `unlz4`"),
    (b"PK\x03\x04", "is a ZIP archive: unpack it (each array of an .npz is a .npy file in it; \
                     write the tensors of a .pt with `numpy.save`)"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive: unpack it"),
    (b"Rar!", "is a RAR archive: unpack it"),
    (b"\x93NUMPY", "is a NumPy file (.npy)"),
    (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
    (b"PAR1", "is a Parquet file"),
    (b"ARROW1", "is an Arrow file: write its table with `pyarrow.parquet.write_table`"),
    (b"FEA1", "is a Feather file: write its table with `pyarrow.parquet.write_table`"),
    (b"ORC", "is an ORC file: write its table with `pyarrow.parquet.write_table`"),
    (b"Obj\x01", "is an Avro file: write its records as Parquet"),
    (b"SQLite format 3", "is a SQLite database: write its vectors with `numpy.save`"),
    (b"\x80\x02", "is a Python pickle: write its array with `numpy.save`"),
    (b"\x80\x03", "is a Python pickle: write its array with `numpy.save`"),
    (b"\x80\x04", "is a Python pickle: write its array with `numpy.save`"),
    (b"\x80\x05", "is a Python pickle: write its array with `numpy.save`"),
    (b"\x1f\x9d", "is compressed with compress: unpack it with `uncompress`"),
    (b"\xff\x06\0\0sNaPpY", "is compressed with snappy: unpack it"),
    (b"MATLAB ", "is a MATLAB file: write its arrays with `numpy.save`"),
    (b"GGUF", "is a GGUF file: write its vectors with `numpy.save`"),
    (b"Ix", "is an index of FAISS: write its vectors with `numpy.save`"),
    (b"IHN", "is an index of FAISS: write its vectors with `numpy.save`"),
    (b"Iw", "is an index of FAISS: write its vectors with `numpy.save`"),
    (b"\x89PNG", "is a picture (PNG)"),
    (b"\xff\xd8\xff", "is a picture (JPEG)"),
    (b"GIF8", "is a picture (GIF)"),
    (b"II*\0", "is a picture (TIFF)"),
    (b"MM\0*", "is a picture (TIFF)"),
    (b"RIFF", "is a picture, a sound or a film (RIFF: WebP, WAV, AVI)"),
    (b"OggS", "is a sound or a film (Ogg)"),
    (b"ID3", "is a sound (MP3)"),
    (b"%PDF", "is a PDF document"),
    (b"\x7fELF", "is a program (ELF)"),
];

/// What `head`, the beginning of a file, shows it to be, in words that go on after its name; None
/// where it shows nothing.
pub(super) fn by_first_bytes(head: &[u8]) -> Option<String> {
    if let Some((_, words)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some((*words).to_owned());
    }
    // A tar archive has its sign after the first name.
    if head.get(257..262) == Some(b"ustar") {
        return Some("is a tar archive: unpack it".to_owned());
    }
    if head.get(4..8) == Some(b"ftyp") {
        return Some("is a picture or a film (HEIF, AVIF, MP4)".to_owned());
    }
    // A safetensors file begins with the length of the JSON that follows.
    if head.get(8..10) == Some(b"{\"") && head[4..8] == [0; 4] {
        return Some("is a safetensors file: write its vectors with `numpy.save`".to_owned());
    }
    markup(head).or_else(|| text(head)).or_else(|| utf16(head))
}

/// Text in units of two bytes, with the mark that says so.
fn utf16(head: &[u8]) -> Option<String> {
    let (mark, units) = head.as_chunks::<2>().0.split_first()?;
    let unit = match mark {
        [0xff, 0xfe] => u16::from_le_bytes,
        [0xfe, 0xff] => u16::from_be_bytes,
        _ => return None,
    };
    // The last character may be cut.
    let shown = String::from_utf16(
        &units
            .iter()
            .take(64)
            .map(|bytes| unit(*bytes))
            .collect::<Vec<u16>>(),
    )
    .ok()?;
    (!shown.is_empty() && shown.chars().all(is_text)).then(|| {
        "is text in UTF-16: write its numbers as JSON lines in UTF-8, or with `numpy.save`"
            .to_owned()
    })
}

fn is_text(c: char) -> bool {
    !c.is_control() || matches!(c, '\n' | '\r' | '\t')
}

fn markup(head: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(head);
    let text = text
        .trim_start_matches('\u{feff}')
        .trim_start()
        .to_lowercase();
    if text.starts_with("<!doctype html")
        || text.starts_with("<html")
        || (text.starts_with("<!--") && text.contains("<html"))
    {
        return Some(
            "is an HTML page and not the file itself: the download led to a web page, so check \
             its address"
                .to_owned(),
        );
    }
    let is_xml = text.starts_with("<?xml") || (text.starts_with('<') && text.contains("</"));
    is_xml.then(|| {
        "is an XML document, perhaps the error of a storage server: download the file again"
            .to_owned()
    })
}

/// Bytes that are all text.
fn text(head: &[u8]) -> Option<String> {
    let shown = match std::str::from_utf8(head) {
        Ok(text) => text,
        // Cut within a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return None,
    };
    if shown.trim().is_empty() || !shown.chars().all(is_text) {
        return None;
    }
    let kind = if shown.trim_start().starts_with(['{', '[']) {
        "JSON or other text"
    } else {
        "text"
    };
    let begin: String = shown
        .trim_start()
        .chars()
        .take_while(|c| !c.is_control())
        .take(40)
        .collect();
    Some(format!(
        "is {kind}, it begins with {begin:?}: write its numbers as JSON lines, or with `numpy.save`"
    ))
}

/// A file whose size does not fit its header.
pub(super) struct Layout<'a> {
    pub(super) file: &'a File,
    pub(super) size: u64,
    /// The two words of its header, as little-endian numbers.
    pub(super) header: [u32; 2],
}

impl Layout<'_> {
    /// The layout of vectors that it fits where it is no file of values of type `element`, in words
    /// that go on after its name; None where it fits none.
    pub(super) fn of_vectors(&self, element: Element) -> Option<String> {
        let own = element.bytes() as u64;
        if self.is_swapped(&[own]) {
            return Some("is big-endian: write its header and its values little-endian".to_owned());
        }
        let Self {
            header: [count, dim],
            ..
        } = *self;
        // Ids and distances take as much room as values of 64 bits.
        if self.holds(count, dim, 8) && self.values(16).is_some_and(|values| are_integers(&values))
        {
            return Some("holds row ids and distances, a truth and no vectors".to_owned());
        }
        let found = [
            (8, "64-bit floats (f64): write them with `numpy.save`"),
            (4, "32-bit floats (fbin): write format = \"fbin\""),
            (2, "16-bit floats (f16bin): write format = \"f16bin\""),
            (1, "bytes (u8bin or i8bin): write that as `format`"),
        ];
        let (_, values) = found.into_iter().find(|(width, _)| {
            // A file that was cut in half has the size of one with half as large values, of which
            // only 32-bit floats can be told by their look.
            let is_likely = match (own, *width) {
                (own, width) if own == width => false,
                (_, 4) => self.is_of_floats(),
                (4, _) => !self.is_of_floats(),
                (own, width) => own < width,
            };
            is_likely && self.holds(count, dim, *width)
        })?;
        Some(format!(
            "holds {count} vectors of dimension {dim} whose values are {values} ({} was expected)",
            element.name()
        ))
    }

    /// The same for true neighbours.
    pub(super) fn of_truth(&self) -> Option<String> {
        if self.is_swapped(&[4, 8]) {
            return Some(
                "is big-endian: write its header, ids and distances little-endian".to_owned(),
            );
        }
        let Self {
            header: [count, k], ..
        } = *self;
        let upper = |bytes: Vec<u8>| {
            bytes
                .as_chunks::<8>()
                .0
                .iter()
                .all(|[.., a, b, c, d]| [a, b, c, d] == [&0; 4])
        };
        let wide = match (self.holds(count, k, 12), self.holds(count, k, 16)) {
            (true, _)
                if self
                    .values(2 * (count as usize).saturating_mul(k as usize).min(8))
                    .is_some_and(upper) =>
            {
                "ids of 64 bits (i64)"
            }
            (true, _) => "distances of 64 bits (f64)",
            (false, true) => "ids and distances of 64 bits (i64, f64)",
            (false, false) => return None,
        };
        Some(format!(
            "holds the {k} neighbours of {count} queries with {wide}: needed are ids and \
             distances of 32 bits (i32, f32)"
        ))
    }

    /// Whether its words look like 32-bit floats, or like nothing.
    fn is_of_floats(&self) -> bool {
        let Some(bytes) = self.values(64) else {
            return true;
        };
        let words = bytes.as_chunks::<4>().0;
        let is_zero = |word: &[u8; 4]| *word == [0; 4];
        // Of round numbers in 64 bits the lower halves are zero.
        let wide = words.iter().step_by(2).all(is_zero) && !words.iter().all(is_zero);
        words.iter().all(is_zero) || (are_floats(&bytes) && !wide)
    }

    /// Whether the size fits once the bytes of the header are turned around.
    fn is_swapped(&self, widths: &[u64]) -> bool {
        let [count, dim] = self.header.map(u32::swap_bytes);
        widths.iter().any(|width| self.holds(count, dim, *width))
    }

    fn holds(&self, count: u32, per_row: u32, width: u64) -> bool {
        let plausible = count > 0 && (1..=MAX_DIM).contains(&per_row);
        plausible
            && u128::from(self.size)
                == u128::from(HEADER) + u128::from(count) * u128::from(per_row) * u128::from(width)
    }

    fn values(&self, count: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; 4 * count.min((self.size.saturating_sub(HEADER) / 4) as usize)];
        self.file
            .read_exact_at(&mut bytes, HEADER)
            .ok()
            .map(|()| bytes)
    }
}

/// Whether these words are whole numbers and no floats: read as floats, small numbers are far below
/// what any vector holds.
pub(super) fn are_integers(bytes: &[u8]) -> bool {
    let values = || {
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|word| u32::from_le_bytes(*word))
            .filter(|word| *word != 0)
    };
    values().next().is_some()
        && values().all(|word| word == u32::MAX || f32::from_bits(word).is_subnormal())
}

/// Whether these words are floats and no row ids: as floats they are of the size of values.
pub(super) fn are_floats(bytes: &[u8]) -> bool {
    let values = || {
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|word| f32::from_le_bytes(*word))
            .filter(|value| *value != 0.0)
    };
    values().next().is_some() && values().all(|value| (1e-6..1e6).contains(&value.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &[u8], words: &str) {
        let found = by_first_bytes(head).unwrap_or_default();
        assert!(found.contains(words), "{words:?} is not in: {found:?}");
    }

    #[test]
    fn files_are_named_by_their_first_bytes() {
        check(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n",
            "Git LFS",
        );
        check(b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "gzip");
        check(b"  \n<!DOCTYPE html><html>", "HTML page");
        check(b"\xef\xbb\xbf<HTML lang=\"en\">", "HTML page");
        check(
            b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>",
            "XML",
        );
        check(b"<Error><Code>NoSuchKey</Code></Error>", "XML");
        check(b"\x93NUMPY\x01\x00", "NumPy");
        check(b"\x89HDF\r\n\x1a\n", "HDF5");
        check(b"PAR1\x15\x04", "Parquet");
        check(b"PK\x03\x04", "npz");
        check(b"\xff\xfe1\x00.\x005\x00\n\x00", "text in UTF-16");
        check(b"\xfe\xff\x001\0.\x005", "text in UTF-16");
        check(b"\x1f\x9d\x90\x01", "uncompress");
        check(
            b"\x30\0\0\0\0\0\0\0{\"emb\":{\"dtype\":\"F32\"",
            "safetensors",
        );
        check(b"IxF2\x80\0\0\0", "FAISS");
        check(b"MATLAB 5.0 MAT-file, Platform", "MATLAB");
        check(b"\x89PNG\r\n\x1a\n", "picture");
        check(b"GIF89a\x10\0\x10\0", "picture (GIF)");
        check(b"\0\0\0\x20ftypavif", "picture or a film");
        check(b"\x28\xb5\x2f\xfd\x04", "zstd");
        check(b"{\"message\": \"not found\"}", "JSON");
        check(b"0.1,0.2\n0.3,0.4\n", "text, it begins with \"0.1,0.2\"");
        check("d\u{e9}j\u{e0} vu".as_bytes(), "text");
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        check(&tar, "tar");
        for unknown in [
            &b"\x00\x01\x02\x03\x04\x05\x06\x07"[..],
            b"",
            b"    ",
            b"\xff\xfe\x00",
        ] {
            assert_eq!(by_first_bytes(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn whole_numbers_and_floats_are_told_apart() {
        let ids: Vec<u8> = [7_i32, 0, 49_999, -1]
            .into_iter()
            .flat_map(i32::to_le_bytes)
            .collect();
        let values: Vec<u8> = [0.5_f32, 0.0, -12.0]
            .into_iter()
            .flat_map(f32::to_le_bytes)
            .collect();
        assert_eq!((are_integers(&ids), are_floats(&ids)), (true, false));
        assert_eq!((are_integers(&values), are_floats(&values)), (false, true));
        let zeros = [0; 16];
        assert_eq!((are_integers(&zeros), are_floats(&zeros)), (false, false));
    }
}
