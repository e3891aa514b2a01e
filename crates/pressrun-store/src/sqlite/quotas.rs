//! [`Quotas`]: the file is of one machine and one process works on it, so that its own bounds are those of all.

use super::SqliteStore;
use crate::Quotas;

impl Quotas for SqliteStore {}
