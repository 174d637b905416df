//! What the kernel says in /proc and /sys of the use of CPU.

use std::path::Path;

/// Clock ticks a second in these files: a constant of the kernel's interface to programs.
const TICKS_PER_S: f64 = 100.0;

/// Cores whose frequency is read: each reading interrupts the core.
const MOST_FREQUENCIES: usize = 8;

/// A file as text; None where it can't be read.
pub(super) fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// `/proc/stat`, in seconds of CPU since the boot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct CpuTimes {
    /// Cores of the machine.
    pub(super) cores: u32,
    /// All programs, the kernel's work for them included, interrupts not: no program in particular
    /// causes those.
    pub(super) programs_s: f64,
    /// What the hypervisor gave to other machines.
    pub(super) steal_s: f64,
    /// Time of the cores that may be used, whatever they did.
    pub(super) usable_s: f64,
    /// Of that, time in which they had nothing to do.
    pub(super) usable_idle_s: f64,
}

/// Reads `/proc/stat`; `usable` are the cores that count for what is idle.
pub(super) fn cpu_times(text: &str, usable: &[u32]) -> CpuTimes {
    let mut times = CpuTimes::default();
    for line in text.lines().filter(|line| line.starts_with("cpu")) {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        // user nice system idle iowait irq softirq steal; guests are in user.
        let mut seconds = [0.0; 8];
        seconds
            .iter_mut()
            .zip(words.filter_map(|word| word.parse::<f64>().ok()))
            .for_each(|(into, ticks)| *into = ticks / TICKS_PER_S);
        let [user, nice, system, idle, iowait, .., steal] = seconds;
        match name.strip_prefix("cpu").map(str::parse::<u32>) {
            Some(Ok(core)) => {
                times.cores += 1;
                if usable.contains(&core) {
                    times.usable_s += seconds.iter().sum::<f64>();
                    times.usable_idle_s += idle + iowait;
                }
            }
            _ => (times.programs_s, times.steal_s) = (user + nice + system, steal),
        }
    }
    times
}

/// CPU seconds of a process, from its `/proc/PID/stat`. Its name stands in brackets and may hold
/// anything.
pub(super) fn process_s(text: &str) -> Option<f64> {
    let (_, fields) = text.rsplit_once(')')?;
    // The first one here is field 3; utime and stime are 14 and 15.
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<f64>);
    Some((ticks.next()?.ok()? + ticks.next()?.ok()?) / TICKS_PER_S)
}

/// Load average of the last minute, from `/proc/loadavg`.
pub(super) fn load_average(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

/// Mean frequency of the first of `cores`; None where the kernel does not say it.
pub(super) fn mhz(cores: &[u32]) -> Option<f64> {
    let of = |core: &u32| {
        read(&format!(
            "/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq"
        ))?
        .trim()
        .parse::<f64>()
        .ok()
    };
    let read_kilohertz: Vec<f64> = cores.iter().take(MOST_FREQUENCIES).filter_map(of).collect();
    let found = if read_kilohertz.is_empty() && cores.len() <= MOST_FREQUENCIES {
        read("/proc/cpuinfo")
            .map(|text| cpuinfo_mhz(&text))
            .unwrap_or_default()
    } else {
        read_kilohertz
            .iter()
            .map(|kilohertz| kilohertz / 1e3)
            .collect()
    };
    (!found.is_empty()).then(|| (found.iter().sum::<f64>() / found.len() as f64).round())
}

fn cpuinfo_mhz(text: &str) -> Vec<f64> {
    let values = text
        .lines()
        .filter(|line| line.starts_with("cpu MHz"))
        .filter_map(|line| line.split_once(':'));
    values
        .filter_map(|(_, value)| value.trim().parse().ok())
        .collect()
}

/// Seconds in which a CPU limit of this process' control group kept its threads from running; None
/// without a limit.
pub(super) fn throttled_s() -> Option<f64> {
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    // Version 2 has one line `0::PATH`; within a container the path is that of its own root.
    let own = groups
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
        .map(|path| format!("/sys/fs/cgroup{path}/cpu.stat"));
    let version_1 = [
        "/sys/fs/cgroup/cpu/cpu.stat",
        "/sys/fs/cgroup/cpu,cpuacct/cpu.stat",
    ]
    .map(str::to_owned);
    let files = own
        .into_iter()
        .chain(["/sys/fs/cgroup/cpu.stat".to_owned()])
        .chain(version_1);
    files
        .filter(|file| Path::new(file).is_file())
        .find_map(|file| throttled(&read(&file)?))
}

/// Version 2 counts microseconds, version 1 nanoseconds. Without a limit no period was ever
/// counted.
fn throttled(text: &str) -> Option<f64> {
    let value = |key: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
        line.trim().parse::<f64>().ok()
    };
    value("nr_periods").filter(|periods| *periods > 0.0)?;
    value("throttled_usec")
        .map(|us| us / 1e6)
        .or_else(|| value("throttled_time").map(|ns| ns / 1e9))
}

/// The cores that this process may run on.
pub(super) fn usable_cores() -> Vec<u32> {
    let Ok(allowed) = rustix::thread::sched_getaffinity(None) else {
        return Vec::new();
    };
    let cores = (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    cores.filter_map(|core| u32::try_from(core).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  1000 200 300 5000 100 7 8 90 50 0\ncpu0 600 200 100 2000 100 7 8 40 \
                        50 0\ncpu1 400 0 200 3000 0 0 0 50 0 0\nintr 1 2\n";

    #[test]
    fn programs_steal_and_idle_cores_are_told_apart() {
        let times = cpu_times(STAT, &[0, 1]);
        assert_eq!(
            (times.cores, times.programs_s, times.steal_s),
            (2, 15.0, 0.9)
        );
        assert_eq!(times.usable_idle_s, 51.0);
        let one = cpu_times(STAT, &[1]);
        assert_eq!(
            (one.usable_s, one.usable_idle_s, one.programs_s),
            (36.5, 30.0, 15.0)
        );
        assert_eq!(cpu_times("", &[0]), CpuTimes::default());
        // Old kernels have fewer columns.
        assert_eq!(cpu_times("cpu 100 0 50 10\n", &[]).programs_s, 1.5);
    }

    #[test]
    fn a_process_may_be_called_anything() {
        let stat =
            |name: &str| format!("4711 ({name}) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 99");
        for name in ["milvus", "a b) 9 (c", ""] {
            assert_eq!(process_s(&stat(name)), Some(3.0), "{name}");
        }
        assert_eq!(process_s("4711 (milvus) S 1"), None);
        assert_eq!(process_s(""), None);
    }

    #[test]
    fn limits_of_both_versions_are_read_and_none_where_there_is_none() {
        assert_eq!(
            throttled("usage_usec 9\nnr_periods 10\nnr_throttled 2\nthrottled_usec 1500000\n"),
            Some(1.5)
        );
        assert_eq!(
            throttled("nr_periods 10\nnr_throttled 2\nthrottled_time 2500000000\n"),
            Some(2.5)
        );
        assert_eq!(
            throttled("nr_periods 0\nnr_throttled 0\nthrottled_usec 0\n"),
            None
        );
        assert_eq!(throttled("usage_usec 9\n"), None);
    }

    #[test]
    fn load_average_and_frequency_are_numbers_or_none() {
        assert_eq!(
            [
                load_average("2.32 1.70 0.81 3/115 18224\n"),
                load_average("")
            ],
            [Some(2.32), None]
        );
        assert_eq!(
            cpuinfo_mhz("processor: 0\ncpu MHz\t\t: 2596.098\ncpu MHz : 1400\nbogomips : 5\n"),
            [2596.098, 1400.0]
        );
    }
}
