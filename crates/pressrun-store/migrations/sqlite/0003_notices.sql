-- What Pressrun itself has to say, to owners by mail and to the operator by webhook. An outbox of its own: it outlives runs and schedules,
-- and is sent whatever they do.
CREATE TABLE notices (
    id          TEXT PRIMARY KEY NOT NULL,
    kind        TEXT NOT NULL,
    schedule_id TEXT NOT NULL,
    run_id      TEXT,
    -- An address, or 'operator'.
    recipient   TEXT NOT NULL,
    subject     TEXT NOT NULL,
    text        TEXT NOT NULL,
    body        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'accepted', 'failed', 'skipped')),
    -- While an attempt is under way: until when nobody else takes it.
    not_before  INTEGER,
    settled_at  INTEGER,
    reason      TEXT,
    -- JSON, oldest first.
    attempts    TEXT NOT NULL,
    CHECK (state <> 'pending' OR not_before IS NOT NULL)
) STRICT;

CREATE INDEX notices_due ON notices (not_before, id) WHERE state = 'pending';
CREATE INDEX notices_of_schedule ON notices (schedule_id, recipient, created_at);
CREATE INDEX notices_of_run ON notices (run_id, created_at) WHERE run_id IS NOT NULL;

-- Addresses that unsubscribed (P12): groups do not bring them back.
CREATE TABLE opt_outs (
    schedule_id  TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    email_folded TEXT NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (schedule_id, email_folded)
) STRICT, WITHOUT ROWID;

-- The run whose piece a resend sends again.
ALTER TABLE runs ADD COLUMN resend_of TEXT;
CREATE INDEX runs_resend_of ON runs (resend_of, created_at) WHERE resend_of IS NOT NULL;
