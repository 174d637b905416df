use super::super::tests::{changed, check_refused, cut};

/// Two rows of four columns with these places, indices and values.
fn file(columns: i64, places: &[i64], indices: &[i32], values: &[f32]) -> Vec<u8> {
    let header = [places.len() as i64 - 1, columns, indices.len() as i64];
    let mut bytes: Vec<u8> = header.into_iter().flat_map(i64::to_le_bytes).collect();
    bytes.extend(places.iter().flat_map(|place| place.to_le_bytes()));
    bytes.extend(indices.iter().flat_map(|index| index.to_le_bytes()));
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[test]
fn damaged_files_are_refused() {
    let refused = |bytes: &[u8], words: &[&str]| check_refused("base.csr", bytes, words);
    refused(&[], &["is empty (0 bytes)"]);
    refused(
        &cut("sparse/base.csr", 20),
        &["has 20 bytes, a header alone has 24"],
    );
    refused(
        &cut("sparse/base.csr", 22_855),
        &[
            "has 22855 bytes",
            "200 rows",
            "asks for 22856: it is truncated",
        ],
    );
    let mut longer = cut("sparse/base.csr", 22_856);
    longer.push(0);
    refused(&longer, &["has 22857 bytes", "continues after them"]);
    for at in [0, 8, 16] {
        let negative = changed("sparse/base.csr", at, &(-1_i64).to_le_bytes());
        refused(&negative, &["negative number in its header (bytes 0 to 23"]);
        let lying = changed("sparse/base.csr", at, &i64::MAX.to_le_bytes());
        let words = if at == 8 {
            "columns in its header (byte 8)"
        } else {
            "asks for"
        };
        refused(&lying, &[words]);
    }
    refused(&file(4, &[0], &[], &[]), &["0 rows (byte 0)"]);
    refused(
        &file(0, &[0, 0], &[], &[]),
        &["has 0 columns in its header (byte 8)"],
    );
    refused(
        &file(4, &[1, 2, 2], &[1, 2], &[0.5, 0.5]),
        &["has place 1 at byte 24, expected 0: the first row begins there"],
    );
    refused(
        &file(4, &[0, 1, 1], &[1, 2], &[0.5, 0.5]),
        &["has place 1 at byte 40, expected 2: the last row ends there"],
    );
    refused(
        &file(4, &[0, 3, 2], &[1, 2], &[0.5, 0.5]),
        &["has place 3 of row 1 (byte 32), expected 0 to 2"],
    );
    refused(
        &file(4, &[0, -1, 2], &[1, 2], &[0.5, 0.5]),
        &["has place -1 of row 1 (byte 32)"],
    );
    refused(
        &file(4, &[0, 2, 1, 2], &[1, 2], &[0.5, 0.5]),
        &["has place 1 of row 2 (byte 40), expected 2 to 2"],
    );
    refused(
        &file(4, &[0, 1, 2], &[1, 4], &[0.5, 0.5]),
        &["has index 4 in row 1 (byte 52), expected 0 to 3: its header says 4 columns"],
    );
    refused(
        &file(4, &[0, 1, 2], &[-7, 1], &[0.5, 0.5]),
        &["has index -7 in row 0 (byte 48)"],
    );
    refused(
        &file(4, &[0, 0, 3], &[3, 1, 3], &[0.5, 0.25, 0.5]),
        &["has index 3 twice in row 1 (indices from byte 48 on)"],
    );
    refused(
        &file(4, &[0, 1, 2], &[1, 2], &[0.5, f32::NAN]),
        &["NaN or infinity in vector 1"],
    );
    refused(b"\x1f\x8b\x08\0\0\0\0\0\0\x03", &["compressed with gzip"]);
}
