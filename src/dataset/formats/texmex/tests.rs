use super::super::tests::{changed, check_refused, check_truth_refused, cut, vectors_path};

#[test]
fn damaged_rows_are_refused() {
    check_refused("base.fvecs", &[], &["is empty (0 bytes)"]);
    check_refused(
        "base.bvecs",
        &[4, 0],
        &["has 2 bytes, the header of a row alone has 4"],
    );
    check_refused("base.fvecs", b"<html></html>", &["HTML page"]);
    check_refused(
        "base.fvecs",
        &cut("main/base.fvecs", 80_799),
        &[
            "has 80799 bytes, which are 199 rows of 404 bytes",
            "and 403 bytes more from byte 80396",
        ],
    );
    check_refused(
        "base.bvecs",
        &cut("main/base.bvecs", 20_799),
        &[
            "which are 199 rows of 104 bytes (dimension 100 as in its first row)",
            "byte 20696",
        ],
    );
    for dim in [0, -1, i32::MAX, 32_769] {
        let lying = changed("main/base.fvecs", 0, &dim.to_le_bytes());
        check_refused(
            "base.fvecs",
            &lying,
            &[&format!(
                "has dimension {dim} in the header of its first row (byte 0)"
            )],
        );
    }
    // Also a row in the middle, and of bytes too, of which no value can be wrong.
    check_refused(
        "base.fvecs",
        &changed("main/base.fvecs", 404 * 77, &99_i32.to_le_bytes()),
        &["has length 99 in the header of row 77 (byte 31108), expected 100"],
    );
    check_refused(
        "base.bvecs",
        &changed("main/base.bvecs", 104 * 199, &(-5_i32).to_le_bytes()),
        &["has length -5 in the header of row 199 (byte 20696), expected 100"],
    );
}

#[test]
fn ids_are_no_vectors_and_vectors_no_ids() {
    let ids = std::fs::read(vectors_path("main/truth-fvecs.ivecs")).unwrap();
    for name in ["truth.ivecs", "truth.fvecs", "truth"] {
        check_refused(
            name,
            &ids,
            &["holds whole numbers (i32, as ivecs has them)"],
        );
    }
    let queries = std::fs::read(vectors_path("main/query.fvecs")).unwrap();
    check_truth_refused(
        "truth.ivecs",
        &queries,
        &["truth", "floats where row ids (i32)"],
    );
    check_truth_refused(
        "truth.ivecs",
        &ids[..84 * 19],
        &["has the neighbours of 19 queries (of 84 bytes each), but the data set has 20"],
    );
    check_truth_refused(
        "truth.ivecs",
        &ids[..84 * 19 + 1],
        &["and 1 bytes more from byte 1596"],
    );
    check_truth_refused(
        "truth.ivecs",
        &changed("main/truth-fvecs.ivecs", 84 * 7, &3_i32.to_le_bytes()),
        &["has length 3 in the header of row 7 (byte 588), expected 20"],
    );
}
