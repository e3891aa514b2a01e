//! The sample catalog of `pressrun demo`, inside the binary.
//!
//! It holds every identifier, filter key, tile key, person and user attribute of the contract's examples.

mod data;
mod random;
mod shop;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

pub use data::{ORDERS, SampleError, generate_data, generate_orders};

/// Every file of the sample catalog: relative path and content.
pub const FILES: [(&str, &str); 11] = [
    ("connections.yaml", include_str!("../../sample/connections.yaml")),
    ("people.yaml", include_str!("../../sample/people.yaml")),
    ("dashboards/daily-slack-update.yaml", include_str!("../../sample/dashboards/daily-slack-update.yaml")),
    ("dashboards/external-users.yaml", include_str!("../../sample/dashboards/external-users.yaml")),
    ("dashboards/orders-2.yaml", include_str!("../../sample/dashboards/orders-2.yaml")),
    ("dashboards/orders.yaml", include_str!("../../sample/dashboards/orders.yaml")),
    ("dashboards/pricing-study.yaml", include_str!("../../sample/dashboards/pricing-study.yaml")),
    ("dashboards/query.yaml", include_str!("../../sample/dashboards/query.yaml")),
    ("dashboards/scratchpad.yaml", include_str!("../../sample/dashboards/scratchpad.yaml")),
    ("dashboards/web-traffic.yaml", include_str!("../../sample/dashboards/web-traffic.yaml")),
    ("dashboards/weekly-regional-report.yaml", include_str!("../../sample/dashboards/weekly-regional-report.yaml")),
];

/// Writes the files of the sample catalog into `dir`, which is created, beside an empty `data` folder. What exists stays as it is.
///
/// # Errors
/// The first file or folder that cannot be written.
pub fn write(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir.join("dashboards"))?;
    fs::create_dir_all(dir.join("data"))?;
    for (path, content) in FILES {
        match fs::File::create_new(dir.join(path)) {
            Ok(mut file) => file.write_all(content.as_bytes())?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
