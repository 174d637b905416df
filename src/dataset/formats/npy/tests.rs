use super::super::tests::{changed, check_refused, check_truth_refused, cut, vectors_path};

#[test]
fn damaged_files_are_refused() {
    let refused = |bytes: &[u8], words: &[&str]| check_refused("base.npy", bytes, words);
    refused(&[], &["is empty (0 bytes)"]);
    refused(
        b"\x01\x02\x03\0",
        &["does not begin with the sign of a NumPy file"],
    );
    refused(b"0.5 0.25\n", &["is text, it begins with"]);
    for length in [6, 7, 8, 9, 10, 127] {
        let short = cut("main/base.npy", length);
        refused(
            &short,
            &[&format!(
                "has {length} bytes, as a NumPy file its header alone asks for"
            )],
        );
    }
    refused(
        &cut("main/base.npy", 128),
        &[
            "has 128 bytes",
            "(128 bytes, then float32 of shape (200, 100)) asks for 80128",
            "truncated (0 rows are present)",
        ],
    );
    refused(
        &cut("main/base.npy", 80_127),
        &["truncated (199 rows are present)"],
    );
    let mut longer = cut("main/base.npy", 80_128);
    longer.extend_from_slice(&cut("main/query.npy", 8_128));
    refused(
        &longer,
        &["continues after its array (from byte 80128 on): save one array alone"],
    );
    refused(
        &changed("main/base.npy", 6, &[9]),
        &["has version 9 of NumPy's format (byte 6)"],
    );
    refused(
        &changed("mini/npy/version-2.npy", 8, &u32::MAX.to_le_bytes()),
        &["has a header of 4294967295 bytes (byte 8), at most 65535"],
    );
    refused(
        &changed("main/base.npy", 8, &u16::MAX.to_le_bytes()),
        &["at byte 128 of its header, expected is nothing but spaces"],
    );
    let mut shape = cut("main/base.npy", 80_128);
    let at = shape
        .windows(10)
        .position(|text| text == b"(200, 100)")
        .unwrap();
    shape[at..at + 12].copy_from_slice(b"(90000, 100)");
    refused(
        &shape,
        &[
            "of shape (90000, 100)) asks for 36000128",
            "truncated (200 rows",
        ],
    );
    shape[at..at + 12].copy_from_slice(b"(9, 9999999)");
    refused(&shape, &["of shape (9, 9999999))", "truncated"]);
}

#[test]
fn a_header_that_is_no_dict_is_refused_with_its_byte() {
    let refused = |header: &str, words: &[&str]| {
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&[0; 32]);
        check_refused("base.npy", &bytes, words);
    };
    refused("", &["has \"\" at byte 10 of its header, expected is {"]);
    refused(
        "{",
        &["at byte 11 of its header, expected is a text, True, False or a tuple"],
    );
    refused(
        "{}",
        &["expected is 'descr', 'fortran_order' and 'shape' before"],
    );
    refused("{'descr': 7}", &["has \"7}\" at byte 20 of its header"]);
    refused("{'descr': '<f4}", &["expected is the end of a text"]);
    refused("{'descr': '<f4' 'shape'", &["expected is , or }"]);
    refused("{True: '<f4'}", &["expected is the name of a key"]);
    refused(
        "{'descr': '<f4', 'descr': '<f4'}",
        &["one 'descr' (a text)"],
    );
    refused("{'else': '<f4'}", &["one 'descr' (a text)"]);
    refused(
        "{'shape': (2, x)}",
        &["has \"x)}\" at byte 24 of its header, expected is a whole"],
    );
    refused(
        "{'shape': (99999999999999999999, 2)}",
        &["expected is a whole number"],
    );
    refused(
        &format!("{{'shape': ({})}}", "1,".repeat(65)),
        &["expected is at most 64 dimensions"],
    );
    let dict = |descr: &str, more: &str| {
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2, 4), }}{more}")
    };
    refused(
        &dict("<f4", " x"),
        &["has \"x\" at byte", "expected is nothing but spaces"],
    );
    refused(
        &dict("<f3", ""),
        &["holds values of an unknown type (descr '<f3')"],
    );
    refused(
        &dict("", ""),
        &["holds values of an unknown type (descr '')"],
    );
    refused(
        &dict("|f4", ""),
        &["holds values without an order of bytes (descr '|f4')"],
    );
    refused(&dict("|V4", ""), &["holds raw bytes (descr '|V4')"]);
    refused(&dict("\u{e9}", ""), &["holds values of an unknown type"]);
}

#[test]
fn an_array_that_is_no_truth_is_refused() {
    let refused = |bytes: &[u8], words: &[&str]| check_truth_refused("truth.npy", bytes, words);
    refused(
        &std::fs::read(vectors_path("main/query.npy")).unwrap(),
        &["truth", "holds float32 where row ids are needed"],
    );
    refused(
        &std::fs::read(vectors_path("mini/npy/i64.npy")).unwrap(),
        &["neighbours of 24 queries (its array has shape (24, 16)), but the data set has 20"],
    );
    refused(
        &cut("main/truth-cosine.npy", 1_727),
        &["truncated (19 rows are present)"],
    );
    refused(
        &changed("main/truth-cosine.npy", 128, &[200, 0, 0, 0]),
        &["names row 200 for query 0"],
    );
}
