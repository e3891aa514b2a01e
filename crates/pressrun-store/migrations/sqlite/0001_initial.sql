-- Ids are UUIDs as hyphenated text, instants are microseconds since 1970 (UTC), flags are 0 and 1, JSON is text.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What a schedule does, by the SHA-256 of its JSON. A run names the definition it was promised with, so that history shows what was
-- delivered then without a copy in every run. Rows are never changed.
CREATE TABLE definitions (
    id   TEXT PRIMARY KEY NOT NULL,
    json TEXT NOT NULL
) STRICT;

CREATE TABLE schedules (
    id                     TEXT PRIMARY KEY NOT NULL,
    version                INTEGER NOT NULL,
    definition_id          TEXT NOT NULL REFERENCES definitions (id),
    sealed                 BLOB,
    created_at             INTEGER NOT NULL,
    updated_at             INTEGER NOT NULL,
    disabled_at            INTEGER,
    system_disabled_at     INTEGER,
    system_disabled_reason TEXT,
    next_at                INTEGER,
    -- Set when the row does not parse: it is left out of planning until it is saved again or the server starts anew.
    unreadable             INTEGER NOT NULL DEFAULT 0,
    last_status            TEXT,
    last_completed_at      INTEGER,
    -- Below: what the list filters, searches and sorts by, derived from the definition and the catalog.
    destination            TEXT NOT NULL,
    alert                  INTEGER NOT NULL,
    single_tile            INTEGER NOT NULL,
    owner                  TEXT NOT NULL,
    identifier             TEXT NOT NULL,
    recipient_count        INTEGER NOT NULL,
    condition_query        TEXT,
    dashboard_name         TEXT NOT NULL,
    owner_name             TEXT NOT NULL,
    name_key               BLOB NOT NULL,
    dashboard_key          BLOB NOT NULL,
    owner_key              BLOB NOT NULL,
    name_folded            TEXT NOT NULL,
    dashboard_folded       TEXT NOT NULL,
    owner_folded           TEXT NOT NULL,
    CHECK ((system_disabled_at IS NULL) = (system_disabled_reason IS NULL)),
    CHECK ((last_status IS NULL) = (last_completed_at IS NULL))
) STRICT;

CREATE INDEX schedules_due ON schedules (next_at, id)
    WHERE next_at IS NOT NULL AND disabled_at IS NULL AND system_disabled_at IS NULL AND unreadable = 0;

-- Ties go by id upwards in both directions, so that each direction has an index of its own.
CREATE INDEX schedules_name_up ON schedules (name_key, id);
CREATE INDEX schedules_name_down ON schedules (name_key DESC, id);
CREATE INDEX schedules_dashboard_up ON schedules (dashboard_key, id);
CREATE INDEX schedules_dashboard_down ON schedules (dashboard_key DESC, id);
CREATE INDEX schedules_owner_up ON schedules (owner_key, id);
CREATE INDEX schedules_owner_down ON schedules (owner_key DESC, id);
CREATE INDEX schedules_last_run_up ON schedules ((last_completed_at IS NULL), last_completed_at, id);
CREATE INDEX schedules_last_run_down ON schedules ((last_completed_at IS NULL), last_completed_at DESC, id);
CREATE INDEX schedules_last_status_up ON schedules ((last_status IS NULL), last_status, id);
CREATE INDEX schedules_last_status_down ON schedules ((last_status IS NULL), last_status DESC, id);

-- Counting and searching read these instead of the rows.
CREATE INDEX schedules_filters ON schedules (destination, alert, single_tile, last_status, owner, identifier, id);
CREATE INDEX schedules_by_owner ON schedules (owner, id);
CREATE INDEX schedules_by_identifier ON schedules (identifier, id);
CREATE INDEX schedules_search ON schedules (name_folded, dashboard_folded, owner_folded, id);

CREATE TABLE schedule_recipients (
    schedule_id  TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    email_folded TEXT NOT NULL,
    recipient_id TEXT NOT NULL,
    -- The email-only user; NULL for a member.
    user_id      TEXT,
    PRIMARY KEY (schedule_id, email_folded)
) STRICT, WITHOUT ROWID;

CREATE INDEX schedule_recipients_by_user ON schedule_recipients (user_id, schedule_id) WHERE user_id IS NOT NULL;

CREATE TABLE baselines (
    schedule_id TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    audience    TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    PRIMARY KEY (schedule_id, audience)
) STRICT, WITHOUT ROWID;

-- No foreign key to schedules: history outlives them (X9).
CREATE TABLE runs (
    id               TEXT PRIMARY KEY NOT NULL,
    schedule_id      TEXT NOT NULL,
    definition_id    TEXT NOT NULL REFERENCES definitions (id),
    sealed           BLOB,
    kind             TEXT NOT NULL CHECK (kind IN ('scheduled', 'manual', 'test', 'resend')),
    scheduled_for    INTEGER NOT NULL,
    dst              TEXT,
    owner            TEXT NOT NULL,
    state            TEXT NOT NULL CHECK (state IN ('queued', 'running', 'skipped', 'ended')),
    -- The round in which the run's owner gets to it: claims go by round, so that no owner's queue holds up another's.
    turn             INTEGER NOT NULL DEFAULT 0,
    available_at     INTEGER,
    worker           TEXT,
    lease_until      INTEGER,
    fence            INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    skip_reason      TEXT,
    status           TEXT,
    reason           TEXT,
    created_at       INTEGER NOT NULL,
    started_at       INTEGER,
    ended_at         INTEGER,
    record           TEXT NOT NULL,
    CHECK (state <> 'queued' OR available_at IS NOT NULL),
    CHECK (state <> 'running' OR (worker IS NOT NULL AND lease_until IS NOT NULL)),
    CHECK (state <> 'skipped' OR skip_reason IS NOT NULL),
    CHECK (state <> 'ended' OR (status IS NOT NULL AND ended_at IS NOT NULL))
) STRICT;

-- I1: an occurrence is one row, whoever inserts it.
CREATE UNIQUE INDEX runs_occurrence ON runs (schedule_id, scheduled_for) WHERE kind = 'scheduled';
-- I2, I3: at most one run of a schedule is under way.
CREATE UNIQUE INDEX runs_under_way ON runs (schedule_id) WHERE state IN ('queued', 'running') AND kind IN ('scheduled', 'manual');

CREATE INDEX runs_queue ON runs (turn, available_at, id) WHERE state = 'queued';
CREATE INDEX runs_available ON runs (available_at) WHERE state = 'queued';
CREATE INDEX runs_owner_turn ON runs (owner, turn) WHERE state = 'queued';
CREATE INDEX runs_lease ON runs (lease_until, id) WHERE state = 'running';
CREATE INDEX runs_history ON runs (scheduled_for DESC, id DESC);
CREATE INDEX runs_of_schedule ON runs (schedule_id, scheduled_for DESC, id DESC);
CREATE INDEX runs_ended ON runs (ended_at) WHERE state = 'ended';

-- Artifacts that a run's record or deliveries name, so that the spool knows what is still needed.
CREATE TABLE run_artifacts (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (run_id, sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    id              TEXT PRIMARY KEY NOT NULL,
    run_id          TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    -- The order in which the run promised them.
    position        INTEGER NOT NULL,
    target          TEXT NOT NULL,
    audience        TEXT NOT NULL,
    artifact        TEXT,
    idempotency_key TEXT NOT NULL,
    message         TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('pending', 'accepted', 'failed', 'skipped')),
    not_before      INTEGER,
    settled_at      INTEGER,
    reason          TEXT,
    UNIQUE (run_id, target),
    CHECK (state <> 'pending' OR not_before IS NOT NULL),
    CHECK (state NOT IN ('accepted', 'failed') OR settled_at IS NOT NULL),
    CHECK (state NOT IN ('failed', 'skipped') OR reason IS NOT NULL)
) STRICT;

CREATE INDEX deliveries_of_run ON deliveries (run_id, position);

CREATE TABLE attempts (
    delivery_id TEXT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    outcome     TEXT,
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE users_email_only (
    id           TEXT PRIMARY KEY NOT NULL,
    email        TEXT NOT NULL,
    email_folded TEXT NOT NULL UNIQUE,
    attributes   TEXT NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id           TEXT PRIMARY KEY NOT NULL,
    token_sha256 BLOB NOT NULL UNIQUE,
    kind         TEXT NOT NULL,
    member       TEXT NOT NULL,
    name         TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    revoked_at   INTEGER
) STRICT;
