//! Random choices as pure functions of numbers: no generator outlives the choice that it is for.

use std::convert::Infallible;

use rand::TryRng;

/// The increment of SplitMix64: 2^64 divided by the golden ratio, odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection of u64 that passes avalanche
/// tests.
pub(super) fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(STEP);
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

/// A number from `min` to `max`, both included, from 64 random bits.
pub(super) fn between(bits: u64, min: i64, max: i64) -> i64 {
    match max.wrapping_sub(min) as u64 {
        u64::MAX => bits as i64,
        span => min.wrapping_add(below(bits, span + 1) as i64),
    }
}

/// One of several by the rising sums of their shares, at least one, of which the last is 1.
pub(super) fn pick(cumulative: &[f64], bits: u64) -> usize {
    let drawn = unit(bits);
    // Rounding may leave the last sum a little below 1.
    cumulative
        .partition_point(|sum| *sum <= drawn)
        .min(cumulative.len().saturating_sub(1))
}

/// A number in [0, 1) from 64 random bits.
pub(super) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Random numbers one after the other, for distributions that need an unknown number of them: the
/// generator SplitMix64, whose state begins at the bits of one draw.
#[derive(Clone, Debug)]
pub(super) struct Bits(pub(super) u64);

impl TryRng for Bits {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.try_next_u64()? >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let drawn = mix(self.0);
        self.0 = self.0.wrapping_add(STEP);
        Ok(drawn)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for part in out.chunks_mut(8) {
            let bytes = self.try_next_u64()?.to_le_bytes();
            part.copy_from_slice(&bytes[..part.len()]);
        }
        Ok(())
    }
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
        let mut bits = Bits(0);
        let drawn = [(); 3].map(|()| bits.try_next_u64().unwrap());
        // Those of the reference implementation with seed 0.
        assert_eq!(
            drawn,
            [
                0xe220_a839_7b1d_cdaf,
                0x6e78_9e6a_a1b9_65f4,
                0x06c4_5d18_8009_454f
            ]
        );
    }
}
