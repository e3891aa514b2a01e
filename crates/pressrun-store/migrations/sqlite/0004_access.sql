-- Consents that are asked for and not yet given. They go with their schedule, and lapse.

-- A schedule that its owner wants to give to somebody else.
CREATE TABLE ownership_offers (
    schedule_id TEXT PRIMARY KEY NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    from_owner  TEXT NOT NULL,
    to_owner    TEXT NOT NULL,
    -- What was shown with the offer; it is void when the schedule is another.
    terms       TEXT NOT NULL,
    offered_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A member who asks the owner of a schedule to be on its list.
CREATE TABLE subscription_requests (
    id           TEXT PRIMARY KEY NOT NULL,
    schedule_id  TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    member       TEXT NOT NULL,
    owner        TEXT NOT NULL,
    token_sha256 BLOB NOT NULL,
    requested_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    -- Set when the owner said no; kept until it lapses, so that asking again and again is no nuisance.
    declined_at  INTEGER,
    UNIQUE (schedule_id, member)
) STRICT;
