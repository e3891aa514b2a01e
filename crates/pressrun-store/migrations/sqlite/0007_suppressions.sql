-- What came back of mail: what each report said, and addresses that get nothing more.

-- One row for a piece (or notice) and what a report means for it: however often it comes back, these are few.
CREATE TABLE bounces (
    delivery_id TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('bounced', 'delayed', 'complaint')),
    -- The run goes, and with it what came back of it.
    run_id      TEXT REFERENCES runs (id) ON DELETE CASCADE,
    status      TEXT,
    words       TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (delivery_id, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX bounces_of_run ON bounces (run_id) WHERE run_id IS NOT NULL;

-- No reference to runs or schedules: an address stays suppressed when they are gone.
CREATE TABLE suppressions (
    email_folded TEXT PRIMARY KEY NOT NULL,
    email        TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('bounced', 'complaint')),
    status       TEXT,
    words        TEXT NOT NULL,
    at           INTEGER NOT NULL,
    delivery_id  TEXT NOT NULL,
    run_id       TEXT,
    schedule_id  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
