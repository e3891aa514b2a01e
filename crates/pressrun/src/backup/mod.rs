//! Backups: a folder with a copy of what an installation remembers.
//!
//! `pressrun.db` is the database at one instant, `pressrun.key` what opens its secrets, `artifacts/` the files that runs still need, and
//! `manifest.json` says how large each is and what its bytes hash to. The manifest is written last and the folder gets its name last, so that
//! what was interrupted has another name and no manifest.

mod files;
mod manifest;
pub(crate) mod restore;
pub(crate) mod take;

use files::FileRecord;
use manifest::Manifest;

/// The database in a backup.
const DATABASE: &str = "pressrun.db";

/// The sealing keys in a backup.
const KEY: &str = "pressrun.key";

/// The folder of artifacts in a backup.
const ARTIFACTS: &str = "artifacts";
