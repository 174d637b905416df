//! The gap: what of a request's time lies between the client's call and the server root, in the
//! network, in either machine's kernel, or in the client.

/// Service time minus the duration of the outermost server span, nanoseconds. Negative where the
/// server ended its span after the client had the reply.
pub(crate) fn gap_ns(service_ns: u64, server_ns: u64) -> i64 {
    // Both are durations within a run: only a damaged file has one that an i64 does not hold.
    service_ns as i64 - server_ns as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_is_what_the_server_root_leaves_and_may_be_negative() {
        assert_eq!(
            [(5_000, 3_000), (3_000, 3_000), (3_000, 3_400)]
                .map(|(service, server)| gap_ns(service, server)),
            [2_000, 0, -400]
        );
    }
}
