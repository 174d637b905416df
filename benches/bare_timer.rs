//! A bare kernel timer: how late a loop of timerfd and epoll wakes, the yardstick of send lag.
//!
//! `cargo bench --bench bare_timer -- RATE SECONDS` waits for each slot and prints one line of
//! JSON: quantiles of lateness in microseconds, share of one core. `benches/engine.py` runs it
//! beside the program.

#![allow(clippy::print_stdout)]

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

// The very loop of `calibrate`, which is no part of the library's interface.
#[path = "../src/calibrate/bare_timer.rs"]
mod bare_timer;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let [rate, seconds] = &arguments[..] else {
        println!(
            "bare_timer: no arguments, nothing is measured; see the head of benches/bare_timer.rs"
        );
        return;
    };
    let number = |text: &String| text.parse::<f64>().expect("a number");
    let length = Duration::from_secs_f64(number(seconds));
    let lateness = bare_timer::lateness(number(rate), length, None).expect("a timer");
    let [p50, p99, p999] =
        [0.5, 0.99, 0.999].map(|quantile| lateness.value_at_quantile(quantile) as f64 / 1000.0);
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let busy = (cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9) / length.as_secs_f64();
    println!("{{\"p50\": {p50:.1}, \"p99\": {p99:.1}, \"p999\": {p999:.1}, \"busy\": {busy:.4}}}");
}
