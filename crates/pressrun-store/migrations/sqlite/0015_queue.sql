-- Who waits for a worker: small rows with integer keys, apart from history. An occurrence has no row of history until it is claimed, or somebody
-- looks at it.

-- Owners and documents by number.
CREATE TABLE lane_names (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

INSERT INTO lane_names (name)
SELECT owner FROM schedules UNION SELECT identifier FROM schedules
UNION SELECT owner FROM runs WHERE state IN ('queued', 'running') UNION SELECT identifier FROM runs WHERE state IN ('queued', 'running');

ALTER TABLE due ADD COLUMN owner INTEGER NOT NULL DEFAULT 0;
ALTER TABLE due ADD COLUMN document INTEGER NOT NULL DEFAULT 0;
UPDATE due SET owner = o.id, document = d.id
FROM schedules s JOIN lane_names o ON o.name = s.owner JOIN lane_names d ON d.name = s.identifier WHERE s.id = due.schedule_id;

CREATE TABLE queue (
    id       INTEGER PRIMARY KEY,
    -- An occurrence without a row of history: its schedule, its instant and what is odd about that.
    k        INTEGER REFERENCES due (k) ON DELETE CASCADE,
    at       INTEGER,
    dst      TEXT,
    -- The version of the catalog in force at that instant.
    catalog_version INTEGER,
    -- Or a run that has one.
    run      TEXT REFERENCES runs (id) ON DELETE CASCADE,
    owner    INTEGER NOT NULL,
    document INTEGER NOT NULL,
    -- It was claimed before.
    again    INTEGER NOT NULL DEFAULT 0,
    -- Since when it may be claimed, or will.
    ready_at INTEGER NOT NULL,
    -- The round in which its owner gets to it. NULL while it waits for `ready_at`: what waits is not among those that claims look at.
    turn     INTEGER,
    CHECK ((k IS NULL) <> (run IS NULL)),
    CHECK ((k IS NULL) = (at IS NULL)),
    CHECK (run IS NOT NULL OR turn IS NOT NULL)
) STRICT;

CREATE UNIQUE INDEX queue_occurrence ON queue (k, at) WHERE k IS NOT NULL;
CREATE UNIQUE INDEX queue_run ON queue (run) WHERE run IS NOT NULL;
CREATE INDEX queue_ready ON queue (turn, ready_at, id) WHERE turn IS NOT NULL;
CREATE INDEX queue_of_document ON queue (document, turn, ready_at, id) WHERE turn IS NOT NULL;
CREATE INDEX queue_of_owner ON queue (owner, turn) WHERE turn IS NOT NULL;
CREATE INDEX queue_waiting ON queue (ready_at, id) WHERE turn IS NULL;

INSERT INTO queue (run, owner, document, again, ready_at)
SELECT r.id, o.id, d.id, r.fence > 0, r.available_at FROM runs r JOIN lane_names o ON o.name = r.owner JOIN lane_names d ON d.name = r.identifier
WHERE r.state = 'queued' ORDER BY r.turn, r.available_at, r.id;

DROP INDEX runs_queue;
DROP INDEX runs_available;
DROP INDEX runs_owner_turn;
ALTER TABLE runs DROP COLUMN turn;
