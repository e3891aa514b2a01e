-- The audiences of a run under way that are done: whoever goes on with it prepares only the others. Nobody needs them once it has ended.
CREATE TABLE run_audiences (
    run_id  TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    -- What its queries know and in which zone; the same for the same people as long as nothing about them is changed.
    digest  TEXT NOT NULL,
    -- As findings and pieces name it.
    key     TEXT NOT NULL,
    outcome TEXT NOT NULL,
    -- Of one that failed.
    reason  TEXT,
    error   TEXT,
    PRIMARY KEY (run_id, digest)
) STRICT, WITHOUT ROWID;

-- While audiences are being prepared: the last piece of those that are done. Later pieces are not owed yet.
ALTER TABLE runs ADD COLUMN promised_to INTEGER;
