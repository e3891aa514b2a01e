//! What every simulation begins with: a folder, a database without rows, dashboards and people.

use std::path::PathBuf;
use std::sync::OnceLock;

use pressrun_domain::catalog::Catalog;
use tempfile::TempDir;

use crate::office::{DOCUMENTS, Office};
use crate::scenario::{MEMBERS, PEOPLE};

/// A folder in memory, where there is such a thing.
pub(crate) fn folder() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    let mut builder = tempfile::Builder::new();
    builder.prefix("pressrun-simulation-");
    let made = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
    made.expect("a temporary folder")
}

/// A database that has everything but rows.
pub(crate) fn template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let folder = folder();
        let path = folder.path().join("template.db");
        Office::open(&path, catalog()).expect("a new database").close();
        std::fs::read(&path).expect("it is a file")
    })
}

/// Dashboards and people, the same in every simulation.
pub(crate) fn catalog() -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(|| {
        let folder = folder();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a writable folder");
        };
        write("connections.yaml", CONNECTIONS);
        write("people.yaml", &people());
        for (number, document) in DOCUMENTS.iter().enumerate() {
            let rows = if number < MEMBERS { "" } else { "where {{ user_attribute('region', 'region') }} " };
            write(&format!("dashboards/{document}.yaml"), &SALES.replace("IDENTIFIER", document).replace("ROWS ", rows));
        }
        write("data/sales.csv", "day,region,amount\n2026-11-24,US,10\n");
        pressrun_catalog::load(folder.path()).expect("a catalog without faults")
    })
}

const CONNECTIONS: &str = "
connections:
  files:
    kind: files
    folder: data
    timezone: UTC
    timeout_seconds: 30
";

const OWNERS: &str = "
organization: { id: 5b10b5a1-0000-4000-8000-000000000001, name: Blobs R Us }
attributes:
  region: { type: String }
members:
  - { id: 0b10b001-5f6e-4f0c-9a35-0b7f3f1f2a11, user_id: 0b10b001-77aa-4c55-8d10-5a2e8c1d9e21, name: Blob Ross, email: blob.ross@hook-0.example, admin: true, attributes: { region: R0 } }
  - { id: 0b10b002-5f6e-4f0c-9a35-0b7f3f1f2a12, user_id: 0b10b002-77aa-4c55-8d10-5a2e8c1d9e22, name: Blobby Hill, email: blobby.hill@hook-1.example, attributes: { region: R1 } }
  - { id: 0b10b003-5f6e-4f0c-9a35-0b7f3f1f2a13, user_id: 0b10b003-77aa-4c55-8d10-5a2e8c1d9e23, name: Bloberta Poe, email: bloberta.poe@hook-2.example, attributes: { region: R2 } }
";

/// Three who own schedules, and more who get personal copies: each of them sees rows of their own where a dashboard asks who looks.
fn people() -> String {
    let more = (MEMBERS..PEOPLE).map(|number| {
        let id = |middle: &str| format!("0b10b1{number:02}-{middle}-4c55-8d10-5a2e8c1d9e{number:02}");
        let (member, user, server) = (id("5f6e"), id("77aa"), number % 3);
        format!(
            "  - {{ id: {member}, user_id: {user}, name: Blob {number}, email: blob-{number}@hook-{server}.example, attributes: {{ region: R{number} }} }}\n"
        )
    });
    OWNERS.to_owned() + &more.collect::<String>()
}

const SALES: &str = "
identifier: IDENTIFIER
name: Sales
connection: files
tiles:
  '1':
    title: Sales by region
    sql: select region, sum(amount) as amount from sales ROWS group by region
    at: { x: 0, y: 0, w: 24, h: 8 }
";
