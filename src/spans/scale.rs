//! How long a piece of work takes, so that tests can tell whether a span costs the same in a small
//! trace and a large one. Measured in processor time of the thread, which other programs do not
//! change.

/// Nanoseconds of processor time that this thread has used: other programs do not change it. The
/// kernel counts it from time to time, so a short piece of work may seem to take none.
fn processor_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")
        .expect("Linux counts the time of its threads");
    text.split_whitespace()
        .next()
        .and_then(|time| time.parse().ok())
        .expect("nanoseconds")
}

/// Mean processor time of `work` on what `make` gives, nanoseconds: done again and again until
/// there is enough of it to be counted.
pub(crate) fn mean_ns<T>(make: impl Fn() -> T, work: impl Fn(T)) -> f64 {
    const ENOUGH_NS: u64 = 60_000_000;
    let (mut times, mut total) = (0u32, 0);
    while total < ENOUGH_NS {
        let made = make();
        let before = processor_ns();
        work(made);
        total += processor_ns() - before;
        times += 1;
    }
    total as f64 / f64::from(times)
}
