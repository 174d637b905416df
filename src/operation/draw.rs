//! Random choices as pure functions of numbers: no generator has a state here.

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection of u64 that passes avalanche
/// tests.
pub(super) fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// FNV-1a of `text`: stable between versions.
pub(super) fn text_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A number below `bound` (at least 1) from 64 random bits; the bias is below bound / 2^64.
pub(super) fn below(bits: u64, bound: u64) -> u64 {
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}

/// A number in [0, 1) from 64 random bits.
pub(super) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_their_range_and_fill_it() {
        let drawn: Vec<u64> = (0..1000).map(|index| below(mix(index), 10)).collect();
        assert!((0..10).all(|value| drawn.iter().filter(|found| **found == value).count() > 50));
        assert_eq!(below(u64::MAX, 10), 9);
        assert!(unit(u64::MAX) < 1.0);
    }

    #[test]
    fn values_stay_the_same_between_versions() {
        // Reference value of SplitMix64 with seed 0.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(text_hash("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
