//! Memory of this process and of the system, where Linux tells it.

/// Bytes resident now.
pub fn resident() -> Option<u64> {
    told("/proc/self/status", "VmRSS:")
}

/// The most that were resident at one time.
pub fn peak() -> Option<u64> {
    told("/proc/self/status", "VmHWM:")
}

/// Bytes that are free for everybody.
pub fn available() -> Option<u64> {
    told("/proc/meminfo", "MemAvailable:")
}

fn told(file: &str, field: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let kibibytes = text.lines().find_map(|line| line.strip_prefix(field))?;
    Some(1024 * kibibytes.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?)
}

/// 1.3 GiB and the like.
pub fn in_words(bytes: u64) -> String {
    let units = [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.into_iter().find(|&(unit, _)| bytes >= unit);
    unit.map_or_else(|| format!("{bytes} bytes"), |(unit, name)| format!("{:.1} {name}", bytes as f64 / unit as f64))
}
