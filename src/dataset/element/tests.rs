use super::*;

fn converted(element: Element, from: &[u8], to: VectorType) -> Result<Vec<u8>, Unfit> {
    let mut out = Vec::new();
    element.convert(from, to, &mut out).map(|()| out)
}

fn singles(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

#[test]
fn every_number_becomes_the_float_that_numpy_makes_of_it() {
    let check = |element, from: &[u8], value: f32| {
        assert_eq!(
            converted(element, from, VectorType::Float).unwrap(),
            value.to_le_bytes()
        );
    };
    check(Element::I8, &[0x80], -128.0);
    check(Element::U8, &[200], 200.0);
    check(Element::Bool, &[1], 1.0);
    check(Element::I16, &(-300_i16).to_le_bytes(), -300.0);
    check(Element::U16, &65_535_u16.to_le_bytes(), 65_535.0);
    check(Element::I32, &16_777_217_i32.to_le_bytes(), 16_777_216.0);
    check(Element::U32, &u32::MAX.to_le_bytes(), 4_294_967_296.0);
    check(Element::I64, &(-7_i64).to_le_bytes(), -7.0);
    check(Element::U64, &u64::MAX.to_le_bytes(), 1.844_674_4e19);
    check(Element::F16, &[0x00, 0x3c], 1.0);
    check(Element::F64, &0.1_f64.to_le_bytes(), 0.1);
}

#[test]
fn halves_are_rounded_to_the_nearest_with_ties_to_even() {
    let half = |value: f32| converted(Element::F32, &value.to_le_bytes(), VectorType::Float16);
    assert_eq!(half(1.0).unwrap(), [0x00, 0x3c]);
    // Half a step above 1, and one and a half.
    assert_eq!(half(1.0 + 0.5 / 1024.0).unwrap(), [0x00, 0x3c]);
    assert_eq!(half(1.0 + 1.5 / 1024.0).unwrap(), [0x02, 0x3c]);
    let brain = |value: f32| converted(Element::F32, &value.to_le_bytes(), VectorType::BFloat16);
    assert_eq!(brain(-2.0).unwrap(), [0x00, 0xc0]);
    assert_eq!(brain(1.0 + 1.0 / 256.0).unwrap(), [0x80, 0x3f]);
}

#[test]
fn what_a_type_can_not_hold_is_refused_with_its_place() {
    let refused = |element, from: &[u8], to, words: &str| {
        let unfit = converted(element, from, to).expect_err(words);
        assert!(unfit.story.contains(words), "{words:?} is not in {unfit:?}");
        unfit.at
    };
    let large = singles(&[1.0, 70_000.0]);
    assert_eq!(
        refused(Element::F32, &large, VectorType::Float16, "65,504"),
        1
    );
    let holed = singles(&[1.0, 2.0, f32::NAN]);
    for to in [VectorType::Float, VectorType::Float16, VectorType::BFloat16] {
        assert_eq!(refused(Element::F32, &holed, to, "NaN or infinity"), 2);
    }
    assert_eq!(refused(Element::U8, &[3, 128], VectorType::Int8, "128"), 1);
    let broken = singles(&[0.5]);
    assert_eq!(
        refused(Element::F32, &broken, VectorType::Int8, "whole number"),
        0
    );
    let huge = 1e39_f64.to_le_bytes();
    assert_eq!(refused(Element::F64, &huge, VectorType::Float, "3.4e38"), 0);
}

#[test]
fn bits_are_packed_with_the_first_as_the_highest() {
    let bits = [1, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0];
    assert_eq!(
        converted(Element::Bool, &bits, VectorType::Binary).unwrap(),
        [0b1000_0011, 0b0100_0000]
    );
    assert_eq!(
        converted(Element::U8, &[7, 9], VectorType::Binary).unwrap(),
        [7, 9]
    );
    assert_eq!(Element::U8.dim(4, VectorType::Binary), Some(32));
    assert_eq!(Element::Bool.dim(12, VectorType::Binary), None);
    assert_eq!(Element::F32.dim(8, VectorType::Binary), None);
}

#[test]
fn sparse_rows_are_told_apart_and_checked() {
    let pair = |index: u32, value: f32| {
        let mut bytes = index.to_le_bytes().to_vec();
        bytes.extend(value.to_le_bytes());
        bytes
    };
    let mut rows = Vec::new();
    put_sparse_row(&[pair(1, 0.5), pair(7, 2.0)].concat(), &mut rows);
    put_sparse_row(&[], &mut rows);
    assert_eq!(
        converted(Element::Sparse, &rows, VectorType::Sparse).unwrap(),
        rows
    );
    let lengths: Vec<usize> = sparse_rows(&rows).map(<[u8]>::len).collect();
    assert_eq!(lengths, [16, 0]);
    put_sparse_row(&[pair(7, 0.5), pair(7, 2.0)].concat(), &mut rows);
    let unfit = converted(Element::Sparse, &rows, VectorType::Sparse).expect_err("refused");
    assert_eq!(unfit.at, 2);
    assert!(unfit.story.contains("index 7"), "{unfit:?}");
}
