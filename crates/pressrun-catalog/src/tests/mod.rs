//! Whole catalogs: what loads, what is refused and what the refusals say.

mod bounds;
mod check;
mod follow;
mod fuzz;
mod guides;
mod hostile;
mod large;
mod people;
mod refusals;
mod sample;
mod secrets;
mod stay;
mod tables;

use std::path::Path;

use pressrun_domain::catalog::Catalog;
use tempfile::TempDir;

use crate::{LoadOptions, Problem, load_with};

const PEOPLE: &str = "\
organization: { id: 5b10b5a1-0000-4000-8000-000000000001, name: Blobs }
attributes:
  region: { type: String, multiple_values: true }
  is_admin: { type: Number, default: 0 }
members:
  - { name: Blob Ross, email: blob@myorg.co, admin: true, attributes: { region: [US] } }
  - { name: Blobby Hill, email: blobby@myorg.co }
groups:
  - { name: sales, members: [BLOB@myorg.co] }
";

const CONNECTIONS: &str = "connections: { warehouse: { kind: files } }\n";

const DASHBOARD: &str = "\
identifier: 12db1a0a
name: Orders
filters:
  region: { type: string, default: [US] }
tiles:
  \"1\":
    sql: |
      select region, 1 as n
      from orders where {{ filter('region', 'region') }}
    chart: { mark: bar, x: region, y: n }
    at: { x: 0, y: 0, w: 12, h: 8 }
";

/// A folder with these files; `data` is always there.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir_all(dir.path().join("dashboards")).unwrap();
    std::fs::create_dir_all(dir.path().join("data")).unwrap();
    for (path, text) in files {
        write(dir.path(), path, text);
    }
    dir
}

fn write(dir: &Path, path: &str, text: impl AsRef<[u8]>) {
    std::fs::write(dir.join(path), text).unwrap();
}

/// A folder that loads.
fn good() -> TempDir {
    folder(&[("connections.yaml", CONNECTIONS), ("people.yaml", PEOPLE), ("dashboards/orders.yaml", DASHBOARD)])
}

/// Loads with one secret in the environment.
fn loaded(dir: &TempDir) -> Result<Catalog, Vec<Problem>> {
    let environment = |name: &str| (name == "WAREHOUSE_URL").then(|| "postgres://blob:s3cret@db.example.com/shop".to_owned());
    load_with(dir.path(), LoadOptions { environment: &environment, ..LoadOptions::default() })
}

/// The good catalog with one file replaced, and what is said about it.
fn refused(path: &str, text: &str) -> Vec<String> {
    let dir = good();
    write(dir.path(), path, text);
    loaded(&dir).err().unwrap_or_default().iter().map(|problem| problem.to_string().replace("\nhint: ", " | ")).collect()
}
