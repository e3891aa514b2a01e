//! One side of `cargo xtask bench export`: makes rows, or writes them as csv, json or xlsx, and says what that cost.
//!
//! `export rows FILE COUNT` makes an Arrow IPC file of COUNT rows × 12; `export csv|json|xlsx FILE OUT` writes it and prints
//! CPU seconds and peak memory of the process as JSON.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people who look at its output")]

#[path = "speed/rows.rs"]
mod rows;

use std::path::Path;

use pressrun_domain::output::Format;
use pressrun_render::{Rows, render};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["rows", file, count] => rows::write(Path::new(file), count.parse().unwrap()),
        [format, file, out] => {
            let format = Format::from_wire(format).unwrap();
            let rendered = render(&rows::job(format, Rows::Ipc((*file).into())), Path::new(out)).unwrap();
            println!(r#"{{"cpu_seconds": {}, "peak_mb": {}, "file_mb": {}}}"#, cpu_seconds(), peak_mb(), rendered.bytes as f64 / 1e6);
        }
        _ => println!("export rows FILE COUNT | export csv|json|xlsx FILE OUT"),
    }
}

/// User and system time of this process, from `/proc`, in hundredths.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name, in parentheses, may hold blanks; the 14th and 15th fields are what is asked for.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().map(|at| fields[*at].parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

/// Most memory that was resident at once, in megabytes.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0 / 1e6
}
