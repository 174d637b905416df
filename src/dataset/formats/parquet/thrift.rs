//! Headers of pages, in Thrift's compact protocol: what they claim is checked before a reader makes
//! room for it.

/// Most bytes of a header: the rest of it are statistics, which may quote long texts.
pub(super) const LONGEST: usize = 1 << 20;
/// Structures within structures; a page header has three levels.
const DEEPEST: u8 = 16;

/// What the header of a page says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PageHeader {
    /// 0: values; 1: index; 2: dictionary; 3: values, second version.
    pub(super) kind: i64,
    /// Bytes after decompression.
    pub(super) uncompressed: i64,
    /// Bytes in the file, without this header.
    pub(super) compressed: i64,
    /// Values, or levels where rows are lists.
    pub(super) values: i64,
    /// Rows, of the second version.
    pub(super) rows: Option<i64>,
    pub(super) encoding: i64,
    /// Bytes of this header.
    pub(super) length: usize,
}

/// The header at the start of `bytes`; None where they are no header, or end within it.
pub(super) fn page_header(bytes: &[u8]) -> Option<PageHeader> {
    let mut found = PageHeader {
        kind: -1,
        uncompressed: -1,
        compressed: -1,
        values: -1,
        encoding: -1,
        ..PageHeader::default()
    };
    let mut input = Input { bytes, at: 0 };
    input.structure(0, &mut |input, field, kind| {
        match field {
            1 => found.kind = input.integer()?,
            2 => found.uncompressed = input.integer()?,
            3 => found.compressed = input.integer()?,
            5 | 7 | 8 if kind == STRUCT => {
                let second = field == 8;
                input.structure(1, &mut |input, field, kind| {
                    match (field, second) {
                        (1, _) => found.values = input.integer()?,
                        (2, false) | (4, true) => found.encoding = input.integer()?,
                        (3, true) => found.rows = Some(input.integer()?),
                        _ => input.skip(kind, 2)?,
                    }
                    Some(())
                })?;
            }
            _ => input.skip(kind, 1)?,
        }
        Some(())
    })?;
    found.length = input.at;
    Some(found)
}

const STRUCT: u8 = 12;

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn pass(&mut self, bytes: u64) -> Option<()> {
        let left = (self.bytes.len() - self.at) as u64;
        self.at += (bytes <= left).then_some(bytes as usize)?;
        Some(())
    }

    /// Gives every field of a structure to `take`, which reads or skips its value.
    fn structure(
        &mut self,
        depth: u8,
        take: &mut dyn FnMut(&mut Self, i64, u8) -> Option<()>,
    ) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        let mut field = 0_i64;
        loop {
            let byte = self.byte()?;
            if byte == 0 {
                return Some(());
            }
            field = match byte >> 4 {
                0 => self.integer()?,
                step => field.checked_add(i64::from(step))?,
            };
            take(self, field, byte & 0x0f)?;
        }
    }

    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match kind {
            1 | 2 => Some(()),
            3 => self.pass(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.pass(8),
            8 => {
                let length = self.varint()?;
                self.pass(length)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = match head >> 4 {
                    15 => self.varint()?,
                    count => u64::from(count),
                };
                for _ in 0..count {
                    match head & 0x0f {
                        1 | 2 => self.pass(1)?,
                        element => self.skip(element, depth + 1)?,
                    }
                }
                Some(())
            }
            STRUCT => self.structure(depth + 1, &mut |input, _, kind| input.skip(kind, depth + 1)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_and_a_cut_one_is_not() {
        // kind 0, 40 bytes, 20 compressed, { 10 values, encoding 8, levels 3 and 3 }.
        let bytes = [
            0x15, 0x00, 0x15, 0x50, 0x15, 0x28, 0x2c, 0x15, 0x14, 0x15, 0x10, 0x15, 0x06, 0x15,
            0x06, 0x00, 0x00, 0xff,
        ];
        let found = page_header(&bytes).unwrap();
        let expected = PageHeader {
            kind: 0,
            uncompressed: 40,
            compressed: 20,
            values: 10,
            rows: None,
            encoding: 8,
            length: 17,
        };
        assert_eq!(found, expected);
        for end in 0..17 {
            assert_eq!(page_header(&bytes[..end]), None, "{end}");
        }
    }

    #[test]
    fn structures_in_each_other_without_end_are_refused() {
        assert_eq!(page_header(&[0x9c; 4096]), None);
        assert_eq!(page_header(&[0x99; 4096]), None);
    }
}
