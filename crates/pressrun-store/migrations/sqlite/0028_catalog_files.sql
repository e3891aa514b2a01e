-- What the files of published versions say, so that every node can serve them (P7). Files that did not change are kept once.
CREATE TABLE catalog_texts (
    hash TEXT PRIMARY KEY NOT NULL,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE catalog_files (
    version INTEGER NOT NULL REFERENCES catalog_versions (id) ON DELETE CASCADE,
    path    TEXT NOT NULL,
    text    TEXT NOT NULL REFERENCES catalog_texts (hash),
    PRIMARY KEY (version, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX catalog_files_text ON catalog_files (text);

-- Each time that somebody published a version; the last one counts. NULL: nothing is published any more, and nodes go by their own folders.
CREATE TABLE catalog_publications (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    version INTEGER REFERENCES catalog_versions (id),
    at      INTEGER NOT NULL,
    published_by TEXT NOT NULL
) STRICT;
