//! Files to one validated snapshot, or all of their problems.

use std::path::Path;

use jiff::Timestamp;
use pressrun_domain::catalog::Catalog;

use crate::assemble::{Assembled, assemble};
use crate::check::Checked;
use crate::folder;
use crate::problem::Problem;
use crate::rules::CatalogRules;

/// Most problems reported; the rest are counted.
const PROBLEMS_MAX: usize = 200;

/// Gives the value of an environment variable.
pub type Environment<'a> = &'a (dyn Fn(&str) -> Option<String> + Send + Sync);

/// What loading looks at besides the folder.
#[derive(Clone, Copy)]
pub struct LoadOptions<'a> {
    /// Where `${NAME}` is looked up.
    pub environment: Environment<'a>,
    /// Whether a secret that is not there (no such variable, no such file) is a problem. False for checks away from the
    /// server; the secret is then empty.
    pub require_secrets: bool,
    /// Whether every tile is compiled and parsed and every default read: what a run would stumble over, which loading lets pass so that
    /// one faulty tile takes nothing else down.
    pub judge: bool,
    /// Bounds, and what of the machine may be read.
    pub rules: &'a CatalogRules,
}

/// What holds when nobody says otherwise.
static OPEN: CatalogRules = CatalogRules::open();

impl Default for LoadOptions<'_> {
    /// The environment of the process, all of it; secrets must be there.
    fn default() -> Self {
        Self { environment: &|name| std::env::var(name).ok(), require_secrets: true, judge: false, rules: &OPEN }
    }
}

impl std::fmt::Debug for LoadOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadOptions").field("require_secrets", &self.require_secrets).finish_non_exhaustive()
    }
}

/// Reads and validates the catalog at `dir`.
///
/// # Errors
/// Every problem of every file, in the order of files and lines.
pub fn load(dir: &Path) -> Result<Catalog, Vec<Problem>> {
    load_with(dir, LoadOptions::default())
}

/// As [`load`], with its own environment.
///
/// # Errors
/// Every problem of every file.
pub fn load_with(dir: &Path, options: LoadOptions<'_>) -> Result<Catalog, Vec<Problem>> {
    let checked = load_all(dir, options);
    match checked.catalog {
        Some(catalog) if !checked.problems.iter().any(Problem::is_error) => Ok(catalog),
        _ => Err(checked.problems.into_iter().filter(Problem::is_error).collect()),
    }
}

/// The catalog at `dir` with everything that was found in it.
pub(crate) fn load_all(dir: &Path, options: LoadOptions<'_>) -> Checked {
    let mut problems = Vec::new();
    let Some(files) = folder::list(dir, options.rules, &mut problems) else {
        return Checked { catalog: None, problems: sorted(problems), connections: Vec::new(), tiles: Vec::new() };
    };
    let Assembled { catalog, connections, tiles, problems: found, .. } = assemble(&files, options, Timestamp::UNIX_EPOCH, None);
    problems.extend(found);
    Checked { catalog, problems: sorted(problems), connections, tiles }
}

/// In the order of files and lines, each once, and not too many.
pub(crate) fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort();
    problems.dedup();
    if problems.len() > PROBLEMS_MAX {
        let more = problems.len() - PROBLEMS_MAX;
        problems.truncate(PROBLEMS_MAX);
        problems.push(Problem::of_file("", format!("and {more} more problems"), "correct these first"));
    }
    problems
}
