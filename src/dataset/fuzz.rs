//! Cases that `fuzz/` and the property tests share: any bytes, as a file of a format.
//!
//! It is compiled for tests, and for the targets of `fuzz/`, which include this folder as a module
//! of their own (`cfg(fuzzing)` is what cargo-fuzz sets): the program has nothing of it. Bytes
//! alone would hardly pass the first check, that of the header against the size of the file. So
//! most cases become a file with a header that fits, in which the case decides everything else;
//! some are taken as they are.

use std::{
    cell::RefCell,
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{
    DATASETS, DatasetOptions, Element, Source, Truth,
    format::{Asked, Role, find},
    formats::mutated,
    put_sparse_row,
    source::Part,
    sparse_rows, truth,
};
use crate::vector_type::VectorType;

/// A reader, and how its cases become files.
type Reader = (&'static str, fn(&mut Case<'_>));

/// What is read, by the names of the targets.
const READERS: &[Reader] = &[
    ("bin", bin),
    ("texmex", texmex),
    ("npy", npy),
    ("csr", csr),
    ("ibin", ibin),
    ("sparse", sparse),
    ("parquet", |case| mutated::run("parquet", case.rest())),
    ("hdf5", |case| mutated::run("hdf5", case.rest())),
    ("jsonl", |case| mutated::run("jsonl", case.rest())),
];

/// Runs one case of a reader.
///
/// # Panics
/// The reader panicked, or broke one of its promises; or there is no such reader.
pub fn run(reader: &str, bytes: &[u8]) {
    let (_, run) = READERS
        .iter()
        .find(|(name, _)| *name == reader)
        .expect("a reader");
    run(&mut Case(bytes));
}

/// What is left of a case.
struct Case<'a>(&'a [u8]);

impl<'a> Case<'a> {
    /// The next byte; 0 at the end.
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// A number below `end`, mostly a small one.
    fn below(&mut self, end: u64) -> u64 {
        let number = match self.byte() {
            large @ 250.. => (u64::from(large) - 249) * u64::from(self.byte()) * 7,
            small => u64::from(small),
        };
        number % end
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()]
    }

    /// At most so many of the next bytes.
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }
}

thread_local! {
    static FOLDER: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// Writes a file, which each thread has one of under each name.
fn write(name: &str, bytes: &[u8]) -> PathBuf {
    FOLDER.with_borrow_mut(|folder| {
        let folder = folder.get_or_insert_with(|| tempfile::tempdir().expect("a folder"));
        let path = folder.path().join(name);
        let file = File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .open(&path)
            .expect("a file");
        file.write_all_at(bytes, 0).expect("room for the case");
        path
    })
}

/// Opens the bytes as vectors, and reads all of them, together and in parts.
fn vectors(format: Option<&'static str>, name: &str, to: VectorType, bytes: &[u8]) {
    let path = write(name, bytes);
    let source = match open(format, &path) {
        Ok(source) => source,
        Err(story) => return check_sentence(&story),
    };
    let typed = source.and_then(|source| source.dataset(to));
    let data = match typed {
        Ok(data) => data,
        Err(error) => return check_sentence(&error.message),
    };
    let mut all = Vec::new();
    match data.read_rows(0, data.rows(), &mut all) {
        Ok(()) => {
            // In two parts, one of which is a single row.
            let (last, mut parts) = (data.rows() - 1, Vec::new());
            for (first, count) in [(0, last), (last, 1)] {
                let read = data.read_rows(first, count, &mut parts);
                read.expect("rows that were read before");
            }
            assert!(parts == all, "rows alone are others than together");
            if let Some(row) = to.bytes(data.dim()) {
                assert_eq!(all.len() as u64, row as u64 * data.rows());
            }
        }
        Err(error) => {
            check_sentence(&error.0);
            assert!(all.is_empty(), "a failed read leaves the buffer alone");
        }
    }
}

/// A data set of these vectors as base; an error of its own or one of the whole.
fn open(
    format: Option<&'static str>,
    path: &Path,
) -> Result<Result<Source, super::OpenError>, String> {
    let found = find(Role::Base, path, format, DATASETS);
    let (beginning, format) = found.map_err(|error| error.message)?;
    let vectors = (format.vectors)(&Asked {
        beginning: &beginning,
        role: Role::Base,
        options: &DatasetOptions::default(),
        queries: 0,
        rows: None,
        base: None,
        query_vectors: None,
    })?;
    assert!(vectors.rows() > 0 && vectors.values() > 0);
    // Nothing is larger than the file: two bytes a sparse row, which has a place of eight.
    assert!(vectors.size() <= beginning.size);
    let part = Part {
        label: "base".to_owned(),
        key: "base",
        vectors,
    };
    Ok(Source::new(Some(part), None, None))
}

/// Reads the bytes as the neighbours of so many queries.
fn neighbours(format: Option<&'static str>, name: &str, queries: u64, bytes: &[u8]) {
    let path = write(name, bytes);
    let (beginning, format) = match find(Role::Truth, &path, format, DATASETS) {
        Ok(found) => found,
        Err(error) => return check_sentence(&error.message),
    };
    let Some(format) = format.truth else {
        return;
    };
    let found = (format.read)(&Asked {
        beginning: &beginning,
        role: Role::Truth,
        options: &DatasetOptions::default(),
        queries,
        rows: Some(1_000),
        base: None,
        query_vectors: None,
    });
    match found.and_then(|truth| check_truth(&truth, queries)) {
        Ok(()) => {}
        Err(story) => check_sentence(&story),
    }
}

fn check_truth(found: &Truth, queries: u64) -> Result<(), String> {
    assert!(found.k > 0);
    assert_eq!(found.queries(), queries);
    assert_eq!(found.ids.len() as u64, queries * found.k as u64);
    assert!(found.distances.is_empty() || found.distances.len() == found.ids.len());
    truth::check(found, Some(1_000))
}

/// An error is one sentence.
fn check_sentence(story: &str) {
    assert!(
        (1..2_000).contains(&story.len()) && !story.contains('\n'),
        "{story:?}"
    );
}

const TYPES: [VectorType; 6] = [
    VectorType::Float,
    VectorType::Float16,
    VectorType::BFloat16,
    VectorType::Int8,
    VectorType::Binary,
    VectorType::Sparse,
];

/// Damages some of the files: bytes that are missing or too many at their end, one that is another.
fn damage(case: &mut Case<'_>, file: &mut Vec<u8>) {
    match case.byte() {
        0..200 => {}
        200..215 => file.truncate(file.len().saturating_sub(usize::from(case.byte()))),
        215..230 => file.resize(file.len() + usize::from(case.byte()), 7),
        _ => {
            let at = usize::from(case.byte()) | usize::from(case.byte()) << 8;
            let length = file.len().max(1);
            if let Some(byte) = file.get_mut(at % length) {
                *byte = case.byte();
            }
        }
    }
}

fn word(number: u64) -> [u8; 4] {
    (number as u32).to_le_bytes()
}

fn bin(case: &mut Case<'_>) {
    let formats = [("fbin", 4), ("f16bin", 2), ("u8bin", 1), ("i8bin", 1)];
    let ((name, width), to) = (case.pick(&formats), case.pick(&TYPES));
    let format = case.pick(&[None, Some(name)]);
    let name = case.pick(&["base", name, "fbin", "f16bin", "crop_nb_7"]);
    if case.byte() > 200 {
        return vectors(format, &format!("base.{name}"), to, case.rest());
    }
    let mut damages = Case(case.take(4));
    let dim = case.below(4_000) as usize + 1;
    let values = case.rest();
    let count = values.len() / (dim * width);
    let mut file = [word(count as u64), word(dim as u64)].concat();
    file.extend_from_slice(&values[..count * dim * width]);
    damage(&mut damages, &mut file);
    vectors(format, &format!("base.{name}"), to, &file);
}

fn texmex(case: &mut Case<'_>) {
    let formats = [("fvecs", 4), ("bvecs", 1), ("ivecs", 4)];
    let ((name, width), to) = (case.pick(&formats), case.pick(&TYPES));
    let format = case.pick(&[None, Some(if name == "ivecs" { "fvecs" } else { name })]);
    let extension = case.pick(&[name, "", "fvecs"]);
    let mut damages = Case(case.take(4));
    let mut file = Vec::new();
    let mut rows = 0;
    if case.byte() > 200 {
        file.extend_from_slice(case.rest());
    } else {
        let dim = case.below(4_000) as usize + 1;
        for row in case.rest().chunks_exact(dim * width) {
            file.extend_from_slice(&word(dim as u64));
            match name {
                // Of small numbers, as ids are.
                "ivecs" => file.extend(row.chunks(4).flat_map(|id| [id[0], id[1] & 3, 0, 0])),
                _ => file.extend_from_slice(row),
            }
            rows += 1;
        }
        damage(&mut damages, &mut file);
    }
    let path = format!("base.{extension}");
    if name == "ivecs" {
        neighbours(format, &path, rows, &file);
    } else {
        vectors(format, &path, to, &file);
    }
}

fn npy(case: &mut Case<'_>) {
    let to = case.pick(&TYPES);
    let is_truth = case.byte() > 200;
    let format = case.pick(&[None, Some("npy")]);
    let mut damages = Case(case.take(4));
    let (file, rows) = if case.byte() > 200 {
        let mut file = b"\x93NUMPY\x01\0".to_vec();
        file.extend_from_slice(case.rest());
        (file, 3)
    } else {
        array(case, &mut damages)
    };
    if is_truth {
        neighbours(format, "base.npy", rows, &file);
    } else {
        vectors(format, "base.npy", to, &file);
    }
}

/// A file of NumPy whose header fits, and its number of rows.
fn array(case: &mut Case<'_>, damages: &mut Case<'_>) -> (Vec<u8>, u64) {
    let kinds = [
        "f4", "f2", "f8", "i1", "u1", "b1", "i2", "u2", "i4", "u4", "i8", "u8", "V2", "O", "U1",
    ];
    let (kind, order) = (case.pick(&kinds), case.pick(&["<", "<", ">", "|", "="]));
    let width = usize::from(kind.as_bytes().get(1).unwrap_or(&b'8') - b'0');
    let (version, is_fortran) = (case.pick(&[1, 1, 2, 3]), case.byte() > 200);
    let dim = case.below(4_000) as usize + 1;
    let text = case.byte();
    let values = case.rest();
    let count = values.len() / (dim * width);
    let shape = match text {
        0..230 => format!("({count}, {dim})"),
        230..240 => format!("({count}L,{dim}L,)"),
        _ => format!("({count}, 1, {dim})"),
    };
    let order_text = if is_fortran { "True" } else { "False" };
    let header = match text % 3 {
        0 => {
            format!("{{'shape': {shape},'fortran_order':{order_text}, \"descr\":'{order}{kind}'}}")
        }
        _ => format!(
            "{{'descr': '{order}{kind}', 'fortran_order': {order_text}, 'shape': {shape}, }}   \n"
        ),
    };
    let mut file = b"\x93NUMPY".to_vec();
    file.extend_from_slice(&[version, 0]);
    match version {
        1 => file.extend_from_slice(&(header.len() as u16).to_le_bytes()),
        _ => file.extend_from_slice(&word(header.len() as u64)),
    }
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(&values[..count * dim * width]);
    damage(damages, &mut file);
    (file, count as u64)
}

fn csr(case: &mut Case<'_>) {
    let format = case.pick(&[None, Some("csr")]);
    let to = case.pick(&[VectorType::Sparse, VectorType::Sparse, VectorType::Float]);
    if case.byte() > 220 {
        return vectors(format, "base.csr", to, case.rest());
    }
    let mut damages = Case(case.take(4));
    let (rows, columns) = (case.below(50), case.below(4_000) + 1);
    let lengths = case.take(rows as usize);
    let is_exact = case.byte() < 220;
    let pairs = case.rest();
    let count = pairs.len() as u64 / 8;
    let numbers = |numbers: &[u64]| -> Vec<u8> {
        numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect()
    };
    let mut file = numbers(&[rows, columns, count]);
    let mut place = 0_u64;
    for row in 0..=rows {
        if row == rows {
            place = count;
        }
        file.extend_from_slice(&place.to_le_bytes());
        place += u64::from(lengths.get(row as usize).copied().unwrap_or(0));
        place = if is_exact { place.min(count) } else { place };
    }
    let (indices, values) = pairs[..8 * count as usize].split_at(4 * count as usize);
    file.extend(indices.chunks(4).flat_map(|index| match index[3] {
        // Mostly within the columns.
        0..240 => word((u64::from(index[0]) | u64::from(index[1]) << 8) % columns),
        _ => [index[0], index[1], index[2], index[3]],
    }));
    file.extend_from_slice(values);
    damage(&mut damages, &mut file);
    vectors(format, "base.csr", to, &file);
}

fn ibin(case: &mut Case<'_>) {
    let format = case.pick(&[None, Some("fbin"), Some("csr"), Some("npy")]);
    let name = case.pick(&["truth.ibin", "truth.dev.gt", "truth"]);
    if case.byte() > 200 {
        let queries = case.below(9);
        return neighbours(format, name, queries, case.rest());
    }
    let mut damages = Case(case.take(4));
    let (k, has_distances) = (case.below(1_000) as usize + 1, case.byte() > 100);
    let is_sorted = case.byte() > 60;
    let values = case.rest();
    let width = if has_distances { 8 } else { 4 };
    let queries = values.len() / (k * width);
    let (ids, distances) = values[..queries * k * width].split_at(queries * k * 4);
    let mut file = [word(queries as u64), word(k as u64)].concat();
    for (number, id) in ids.chunks(4).enumerate() {
        file.extend_from_slice(&match id[3] {
            // Mostly no id twice, and rows that exist.
            0..250 if is_sorted => word((number % k) as u64),
            250.. => word(u64::from(u32::MAX)),
            _ => [id[0], id[1], id[2] & 1, 0],
        });
    }
    for (number, distance) in distances.chunks(4).enumerate() {
        file.extend_from_slice(&match is_sorted {
            true => ((number % k) as f32).to_le_bytes(),
            false => [distance[0], distance[1], distance[2], distance[3]],
        });
    }
    damage(&mut damages, &mut file);
    neighbours(format, name, queries as u64, &file);
}

/// Sparse rows in the form in which they travel: what is read of any bytes lies in them, and what
/// was put is read again.
fn sparse(case: &mut Case<'_>) {
    if case.byte() > 100 {
        let bytes = case.rest();
        let length: usize = sparse_rows(bytes).map(|row| row.len() + 2).sum();
        assert!(
            length <= bytes.len(),
            "rows are larger than what they are in"
        );
        let mut out = Vec::new();
        match Element::Sparse.convert(bytes, VectorType::Sparse, &mut out) {
            Ok(()) => assert!(out == bytes),
            Err(unfit) => check_sentence(&unfit.story),
        }
        return;
    }
    let mut rows: Vec<Vec<u8>> = Vec::new();
    while !case.0.is_empty() {
        let length = 8 * case.below(300) as usize;
        rows.push(case.take(length).to_vec());
    }
    let mut bytes = Vec::new();
    for row in &rows {
        put_sparse_row(row, &mut bytes);
    }
    let found: Vec<&[u8]> = sparse_rows(&bytes).collect();
    assert!(found == rows, "rows are others than those that were put");
    if let Err(unfit) = Element::Sparse.check(&bytes, VectorType::Sparse) {
        check_sentence(&unfit.story);
        assert!(unfit.at < rows.len());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs cases of a reader, of which many become files that can be read.
    fn check(reader: &'static str) {
        let cases = ProptestConfig::with_cases(2_000);
        proptest!(cases, |(
            head in prop::collection::vec(any::<u8>(), 0..16),
            rest in prop::collection::vec(any::<u8>(), 0..400),
        )| {
            run(reader, &[head, rest].concat());
        });
    }

    #[test]
    fn any_file_of_the_big_ann_benchmarks_is_read_or_refused() {
        check("bin");
    }

    #[test]
    fn any_file_of_texmex_is_read_or_refused() {
        check("texmex");
    }

    #[test]
    fn any_file_of_numpy_is_read_or_refused() {
        check("npy");
    }

    #[test]
    fn any_sparse_file_is_read_or_refused() {
        check("csr");
    }

    #[test]
    fn any_truth_is_read_or_refused() {
        check("ibin");
    }

    #[test]
    fn any_sparse_rows_are_read_or_refused() {
        check("sparse");
    }
}
