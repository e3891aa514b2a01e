//! What the system says of this process, under the names that every exporter has for it.

use super::exposition::Exposition;

/// Clock ticks in a second, by which Linux tells programs of processor time whatever the kernel's own are.
const TICKS: f64 = 100.0;

/// Tells what the system says; nothing where it says it otherwise than Linux.
pub(crate) fn tell(told: &mut Exposition) {
    if let Some(Usage { cpu_seconds, resident_bytes }) = usage() {
        told.tell("process_cpu_seconds_total", &[], cpu_seconds);
        told.tell("process_resident_memory_bytes", &[], resident_bytes);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        told.tell("process_open_fds", &[], open.count() as f64);
    }
}

struct Usage {
    cpu_seconds: f64,
    resident_bytes: f64,
}

fn usage() -> Option<Usage> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let memory = std::fs::read_to_string("/proc/self/statm").ok()?;
    parse(&stat, &memory, rustix::param::page_size())
}

/// Reads `/proc/self/stat` and `statm` (proc(5)).
fn parse(stat: &str, memory: &str, page: usize) -> Option<Usage> {
    // The name of the program may hold anything, and ends with the last bracket.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let pages: u64 = memory.split_whitespace().nth(1)?.parse().ok()?;
    Some(Usage { cpu_seconds: (ticks(11)? + ticks(12)?) as f64 / TICKS, resident_bytes: pages as f64 * page as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o1_what_linux_says_of_a_process_is_read_whatever_it_is_called() {
        let stat = "4711 (press) run) S 1 2 3 4 5 6 7 8 9 10 250 50 13 14 15 16 17 18 19\n";
        let usage = parse(stat, "1000 300 20 1 0 50 0\n", 4096).expect("readable");
        assert!((usage.cpu_seconds - 3.0).abs() < 1e-9, "{}", usage.cpu_seconds);
        assert!((usage.resident_bytes - 300.0 * 4096.0).abs() < 1e-9);
        assert!(parse("", "", 4096).is_none());
    }
}
