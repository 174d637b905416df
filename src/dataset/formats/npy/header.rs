//! The header of a NumPy file: its version, then a Python dict as text, which says type, order and
//! shape of the array.
//!
//! Read here and not by a crate: the known ones allocate as much as a header asks for, and do not
//! tell at which byte it is wrong.

use std::fs::File;

use super::super::super::{element::Element, file::header_at};

/// Longest text of a header; NumPy itself reads 10,000 bytes unless it is told to trust the file.
const LONGEST: u64 = 65_535;
/// Most dimensions of an array.
const MOST_DIMENSIONS: usize = 64;

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) element: Element,
    pub(super) is_big_endian: bool,
    /// Whether the values of a column are together, and not those of a row.
    pub(super) is_fortran: bool,
    /// Its numbers of rows, values, ...
    pub(super) shape: Vec<u64>,
    /// Bytes before the first value.
    pub(super) length: u64,
}

impl Header {
    /// Reads the header of a file that begins with the sign of NumPy.
    ///
    /// # Errors
    /// It is no header of an array of numbers, in words that go on after the name of the file.
    pub(super) fn read(file: &File, size: u64) -> Result<Self, String> {
        let short = |wanted: u64| {
            format!(
                "has {size} bytes, as a NumPy file its header alone asks for {wanted}: it is \
                 truncated"
            )
        };
        if size < 10 {
            return Err(short(10));
        }
        let version = header_at(file, 6, 2)?[0];
        let width = match version {
            1 => 2,
            2 | 3 => 4,
            _ => {
                return Err(format!(
                    "has version {version} of NumPy's format (byte 6), readable are 1, 2 and 3"
                ));
            }
        };
        let start = 8 + width;
        if size < start {
            return Err(short(start));
        }
        let mut word = [0; 8];
        word[..width as usize].copy_from_slice(&header_at(file, 8, width)?);
        let text = u64::from_le_bytes(word);
        if text > LONGEST {
            return Err(format!(
                "has a header of {text} bytes (byte 8), at most {LONGEST} are read"
            ));
        }
        let length = start + text;
        if size < length {
            return Err(short(length));
        }
        let mut parser = Parser {
            text: &header_at(file, start, text)?,
            at: 0,
            start,
        };
        parser.header(length)
    }

    /// The shape as NumPy writes it.
    pub(super) fn shape_text(&self) -> String {
        let sizes: Vec<String> = self.shape.iter().map(u64::to_string).collect();
        match &sizes[..] {
            [only] => format!("({only},)"),
            several => format!("({})", several.join(", ")),
        }
    }
}

/// Type and order of bytes as `descr` names them, such as `<f4`.
fn element(descr: &str) -> Result<(Element, bool), String> {
    let unfit = |kind: &str| {
        Err(format!(
            "holds {kind} (descr '{descr}'): needed are floats (f2, f4, f8), whole numbers (i1, \
             i2, i4, i8, u1, u2, u4, u8), bools (b1) or bfloat16 (V2)"
        ))
    };
    let (order, kind) = match descr.split_at_checked(1) {
        Some((order @ ("<" | ">" | "|"), kind)) => (order, kind),
        _ => return unfit("values of an unknown type"),
    };
    let element = match kind {
        "f2" => Element::F16,
        "f4" => Element::F32,
        "f8" => Element::F64,
        "i1" => Element::I8,
        "i2" => Element::I16,
        "i4" => Element::I32,
        "i8" => Element::I64,
        "u1" => Element::U8,
        "u2" => Element::U16,
        "u4" => Element::U32,
        "u8" => Element::U64,
        "b1" => Element::Bool,
        // NumPy has no such type: the package ml_dtypes writes it so.
        "V2" => Element::BF16,
        _ => {
            return match kind.bytes().next() {
                Some(b'O') => unfit("Python objects, which are pickled"),
                Some(b'U' | b'S' | b'a') => unfit("texts"),
                Some(b'c') => unfit("complex numbers"),
                Some(b'M' | b'm') => unfit("times"),
                Some(b'V') => unfit("raw bytes"),
                _ => unfit("values of an unknown type"),
            };
        }
    };
    if order == "|" && element.bytes() > 1 && element != Element::BF16 {
        return unfit("values without an order of bytes");
    }
    Ok((element, order == ">"))
}

/// A value of the dict.
#[derive(Debug)]
enum Value {
    Text(String),
    Bool(bool),
    Sizes(Vec<u64>),
}

/// Reads the text of a header from the front.
struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the text begins in the file.
    start: u64,
}

impl Parser<'_> {
    fn header(&mut self, length: u64) -> Result<Header, String> {
        let (mut descr, mut is_fortran, mut shape) = (None, None, None);
        self.take(b'{', "{")?;
        while !self.has(b'}') {
            let key = match self.value()? {
                Value::Text(key) => key,
                Value::Bool(_) | Value::Sizes(_) => return self.fault("the name of a key"),
            };
            self.take(b':', ":")?;
            match (&key[..], self.value()?) {
                ("descr", Value::Text(value)) if descr.is_none() => descr = Some(value),
                ("fortran_order", Value::Bool(value)) if is_fortran.is_none() => {
                    is_fortran = Some(value);
                }
                ("shape", Value::Sizes(value)) if shape.is_none() => shape = Some(value),
                _ => {
                    return self.fault(
                        "one 'descr' (a text), 'fortran_order' (True or False) and 'shape' (a \
                         tuple) before",
                    );
                }
            }
            if !self.has(b',') {
                self.take(b'}', ", or }")?;
                break;
            }
        }
        let (Some(descr), Some(is_fortran), Some(shape)) = (descr, is_fortran, shape) else {
            return self.fault("'descr', 'fortran_order' and 'shape' before");
        };
        self.skip();
        if self.at < self.text.len() {
            return self.fault("nothing but spaces");
        }
        let (element, is_big_endian) = element(&descr)?;
        Ok(Header {
            element,
            is_big_endian,
            is_fortran,
            shape,
            length,
        })
    }

    fn skip(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_ascii_start().len();
    }

    /// Whether the next character is this one, which is taken then.
    fn has(&mut self, character: u8) -> bool {
        self.skip();
        let found = self.text.get(self.at) == Some(&character);
        self.at += usize::from(found);
        found
    }

    fn take(&mut self, character: u8, name: &str) -> Result<(), String> {
        if self.has(character) {
            Ok(())
        } else {
            self.fault(name)
        }
    }

    fn has_word(&mut self, word: &str) -> bool {
        self.skip();
        let found = self.text[self.at..].starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn value(&mut self) -> Result<Value, String> {
        for (word, value) in [("True", true), ("False", false)] {
            if self.has_word(word) {
                return Ok(Value::Bool(value));
            }
        }
        // Python 2 writes u'...' for some texts.
        let _ = self.has_word("u'") && {
            self.at -= 1;
            true
        };
        for quote in [b'\'', b'"'] {
            if self.has(quote) {
                let rest = &self.text[self.at..];
                let Some(length) = rest.iter().position(|byte| *byte == quote) else {
                    return self.fault("the end of a text");
                };
                self.at += length + 1;
                let text = rest[..length].escape_ascii().to_string();
                return Ok(Value::Text(text));
            }
        }
        if self.has(b'(') {
            return self.sizes();
        }
        if self.has(b'[') {
            return Err(
                "holds records of several values (a structured array): save the array of one of \
                 them alone"
                    .to_owned(),
            );
        }
        self.fault("a text, True, False or a tuple")
    }

    /// The numbers of a tuple, which Python 2 may have written with an L.
    fn sizes(&mut self) -> Result<Value, String> {
        let mut sizes = Vec::new();
        while !self.has(b')') {
            self.skip();
            let rest = &self.text[self.at..];
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let number = std::str::from_utf8(&rest[..digits]).unwrap_or_default();
            let Ok(number) = number.parse() else {
                return self.fault("a whole number");
            };
            if sizes.len() == MOST_DIMENSIONS {
                return self.fault("at most 64 dimensions");
            }
            sizes.push(number);
            self.at += digits;
            let _ = self.has(b'L');
            if !self.has(b',') {
                self.take(b')', ", or )")?;
                break;
            }
        }
        Ok(Value::Sizes(sizes))
    }

    fn fault<T>(&self, expected: &str) -> Result<T, String> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let found: String = rest[..rest.len().min(16)].escape_ascii().to_string();
        Err(format!(
            "has \"{found}\" at byte {} of its header, expected is {expected}",
            self.start + self.at as u64
        ))
    }
}
