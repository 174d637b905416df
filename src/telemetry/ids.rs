//! Identity of a request on the wire: trace id, span id, sampling, the `traceparent` header.
//!
//! The upper 8 bytes of a trace id are a random nonce of the run, the lower 8 bytes a hash of
//! (seed, key); the span id is a hash of (nonce, key, attempt). So the same requests are sampled in
//! every run of a scenario, and the ids of two runs never meet. The hash is the finaliser of
//! SplitMix64 (Steele, Lea, Flood 2014) over FNV-1a of the names: fixed here, because seeds must
//! keep their meaning between versions.

use std::fmt;

/// The upper half of every trace id of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce(pub u64);

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Trace id and span id of one attempt of one request; neither is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestIds {
    /// W3C trace id, big-endian when printed.
    pub trace_id: u128,
    /// W3C span id of the client span.
    pub span_id: u64,
}

/// Ids of one stream of requests: one (phase, workload, part) of one run.
#[derive(Clone, Copy, Debug)]
pub struct IdStream {
    nonce: u64,
    seeded: u64,
    named: u64,
}

/// FNV-1a of `text`: the stable hash of a name.
#[must_use]
pub fn name_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The seed of round `round` of a scenario with `seed`: the scenario's own in the first, so that a
/// run without `--repeat` is that round.
#[must_use]
pub fn round_seed(seed: u64, round: u32) -> u64 {
    if round <= 1 {
        seed
    } else {
        mix(seed ^ mix(u64::from(round)))
    }
}

/// The finaliser of SplitMix64: a bijection of u64 that passes avalanche tests.
fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl IdStream {
    /// The stream of `part` (`warmup`, `measured`) of `workload` in `phase`.
    #[must_use]
    pub fn new(nonce: Nonce, seed: u64, phase: &str, workload: &str, part: &str) -> Self {
        let named = mix(name_hash(phase) ^ mix(name_hash(workload) ^ mix(name_hash(part))));
        Self {
            nonce: nonce.0,
            seeded: mix(named ^ mix(seed)),
            named,
        }
    }

    /// Hash of (seed, key): what content and sampling of request `seq` are drawn from.
    #[must_use]
    pub fn key_hash(&self, seq: u64) -> u64 {
        mix(self.seeded ^ mix(seq))
    }

    /// Ids of `attempt` (0 for the first) of request `seq`. The trace id is the same for all
    /// attempts.
    #[must_use]
    pub fn ids(&self, seq: u64, attempt: u32) -> RequestIds {
        // All-zero halves are drawn again, as the W3C rules forbid them.
        let lower = (0..)
            .map(|draw| mix(self.key_hash(seq) ^ draw))
            .find(|id| *id != 0)
            .unwrap_or(1);
        let key = mix(self.nonce ^ mix(self.named ^ mix(seq ^ mix(u64::from(attempt)))));
        let span_id = (0..)
            .map(|draw| mix(key ^ draw))
            .find(|id| *id != 0)
            .unwrap_or(1);
        RequestIds {
            trace_id: (u128::from(self.nonce) << 64) | u128::from(lower),
            span_id,
        }
    }
}

/// Sampling decision: a pure function of the trace id, OpenTelemetry's TraceIdRatioBased rule.
#[derive(Clone, Copy, Debug)]
pub struct Sampler {
    bound: u64,
}

impl Sampler {
    /// Samples the share `ratio` of all ids; values outside [0, 1] are clamped.
    #[must_use]
    pub fn new(ratio: f64) -> Self {
        // The rule compares 63 bits; the cast saturates at 2^63 for a ratio of 1.
        Self {
            bound: (ratio.clamp(0.0, 1.0) * (1_u64 << 63) as f64) as u64,
        }
    }

    /// Whether the request with this trace id is traced.
    #[must_use]
    pub fn samples(&self, trace_id: u128) -> bool {
        ((trace_id as u64) >> 1) < self.bound
    }
}

/// Value of the `traceparent` header: `00-<32 hex>-<16 hex>-<01|00>`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceParent([u8; 55]);

impl TraceParent {
    /// The header of a request with `ids`.
    #[must_use]
    pub fn new(ids: RequestIds, sampled: bool) -> Self {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(&mut text[3..35], &ids.trace_id.to_be_bytes());
        write_hex(&mut text[36..52], &ids.span_id.to_be_bytes());
        if sampled {
            text[54] = b'1';
        }
        Self(text)
    }

    /// The header's bytes, all ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

fn write_hex(out: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(nonce: u64, seed: u64) -> IdStream {
        IdStream::new(Nonce(nonce), seed, "alone", "search", "measured")
    }

    #[test]
    fn the_lower_half_depends_on_seed_and_key_alone() {
        let (first, second) = (stream(1, 42).ids(7, 0), stream(2, 42).ids(7, 0));
        assert_eq!(first.trace_id as u64, second.trace_id as u64);
        assert_ne!(first.trace_id, second.trace_id);
        assert_ne!(first.span_id, second.span_id);
        assert_ne!(
            first.trace_id as u64,
            stream(1, 43).ids(7, 0).trace_id as u64
        );
    }

    #[test]
    fn rounds_have_a_draw_of_their_own_and_the_first_is_that_of_a_single_run() {
        assert_eq!(round_seed(42, 1), 42);
        let seeds: std::collections::BTreeSet<u64> =
            (1..=1_000).map(|round| round_seed(42, round)).collect();
        assert_eq!(seeds.len(), 1_000);
        // A seed keeps its meaning between versions.
        assert_eq!(round_seed(42, 2), 2_139_811_525_164_838_579);
    }

    #[test]
    fn parts_and_attempts_have_ids_of_their_own() {
        let warmup = IdStream::new(Nonce(1), 42, "alone", "search", "warmup");
        assert_ne!(warmup.ids(7, 0).trace_id, stream(1, 42).ids(7, 0).trace_id);
        assert_eq!(
            stream(1, 42).ids(7, 0).trace_id,
            stream(1, 42).ids(7, 1).trace_id
        );
        assert_ne!(
            stream(1, 42).ids(7, 0).span_id,
            stream(1, 42).ids(7, 1).span_id
        );
    }

    #[test]
    fn ids_keep_their_value_between_versions() {
        let ids = stream(0x0123_4567_89ab_cdef, 42).ids(7, 0);
        let text = TraceParent::new(ids, true);
        assert!(format!("{text:?}").starts_with("00-0123456789abcdef"));
        assert!(format!("{text:?}").ends_with("-01"));
        assert_eq!(text.as_bytes().len(), 55);
    }

    #[test]
    fn sampling_meets_its_ratio_and_its_borders() {
        let ids = stream(9, 1);
        let share = |ratio| {
            (0..100_000)
                .filter(|seq| Sampler::new(ratio).samples(ids.ids(*seq, 0).trace_id))
                .count()
        };
        assert_eq!(share(0.0), 0);
        assert_eq!(share(1.0), 100_000);
        // Six standard deviations of a binomial with 100,000 draws.
        assert!((share(0.1) as f64 - 10_000.0).abs() < 6.0 * (100_000.0_f64 * 0.1 * 0.9).sqrt());
    }
}
