//! How much memory a search may use unless it is told.

use std::fs;

/// What is assumed where the system does not say.
const UNKNOWN_MACHINE: u64 = 4 << 30;

/// Three quarters of what is available now, to this process, on this machine.
pub(crate) fn default_limit() -> u64 {
    let available = available().unwrap_or(UNKNOWN_MACHINE);
    let limit = control_group_limit().map_or(available, |limit| limit.min(available));
    limit / 4 * 3
}

/// The memory that the system could still give, in bytes.
fn available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The limit of the container that the process runs in, in bytes.
fn control_group_limit() -> Option<u64> {
    fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_limit_is_something_sensible() {
        let limit = super::default_limit();
        assert!(limit > 64 << 20 && limit < 1 << 50, "{limit}");
    }
}
