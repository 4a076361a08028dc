//! Memory of this process, where the system tells it.

/// Bytes resident now.
pub fn resident() -> Option<u64> {
    status("VmRSS:")
}

/// The most that were resident at one time.
pub fn peak() -> Option<u64> {
    status("VmHWM:")
}

fn status(field: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = text.lines().find_map(|line| line.strip_prefix(field))?;
    Some(1024 * kilobytes.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?)
}

/// 1.25 GB and the like.
pub fn in_words(bytes: u64) -> String {
    let (unit, name) = [(1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")].into_iter().find(|&(unit, _)| bytes >= unit).unwrap_or((1, "bytes"));
    format!("{:.4} {name}", bytes as f64 / unit as f64).replacen(".0000", "", 1)
}
