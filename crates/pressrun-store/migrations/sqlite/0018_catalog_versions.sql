-- Versions of the catalog that processes have read, in the order in which they were first seen.
CREATE TABLE catalog_versions (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    hash      TEXT NOT NULL UNIQUE,
    documents INTEGER NOT NULL,
    loaded_at INTEGER NOT NULL
) STRICT;

-- The one in force: the newest, unless somebody has gone back to another.
CREATE TABLE catalog_in_force (
    only    INTEGER PRIMARY KEY CHECK (only = 1),
    version INTEGER NOT NULL REFERENCES catalog_versions (id),
    since   INTEGER NOT NULL
) STRICT;

-- Which process has which. A process that was not seen for a while is gone.
CREATE TABLE catalog_readers (
    process TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL REFERENCES catalog_versions (id),
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The version in force when a run was queued; NULL for those of before, and when no process had said which it has. No reference: versions go
-- when there are too many of them.
ALTER TABLE runs ADD COLUMN catalog_version INTEGER;
