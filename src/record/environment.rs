//! What machine this is, and which build of this program: for run.json.

use std::{collections::BTreeMap, fs};

/// Kernel, processor, cores, memory.
pub fn machine() -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            facts.insert(key.to_owned(), value);
        }
    };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")
        .ok()
        .map(|text| text.trim().to_owned());
    put(
        "os",
        kernel.map(|kernel| format!("{} {kernel}", std::env::consts::OS)),
    );
    put("architecture", Some(std::env::consts::ARCH.to_owned()));
    put(
        "cores",
        std::thread::available_parallelism()
            .ok()
            .map(|cores| cores.to_string()),
    );
    put("processor", field("/proc/cpuinfo", "model name"));
    put(
        "memory",
        field("/proc/meminfo", "MemTotal")
            .and_then(|text| kib(&text))
            .map(|gib| format!("{gib:.0} GiB")),
    );
    facts
}

/// Version and build profile of this program.
pub fn tool() -> BTreeMap<String, String> {
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    [
        ("name", env!("CARGO_PKG_NAME")),
        ("version", env!("CARGO_PKG_VERSION")),
        ("profile", profile),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

fn field(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_once(':')
        .map(|(_, value)| value.trim().to_owned())
}

fn kib(text: &str) -> Option<f64> {
    let number: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(number / 1024.0 / 1024.0)
}

/// CPU seconds of this process so far.
pub fn process_cpu_s() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
