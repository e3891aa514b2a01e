-- Who changed what, written in the transaction of each change. Rows are never changed; they are deleted by age only.
CREATE TABLE audit (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    agent       TEXT NOT NULL CHECK (agent IN ('organization', 'personal', 'recipient', 'commandLine', 'system', 'unknown')),
    member      TEXT,
    key_id      TEXT,
    session_id  TEXT,
    -- Whose link was used, when the agent is a recipient.
    email       TEXT,
    verb        TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id   TEXT NOT NULL,
    object_name TEXT NOT NULL,
    -- JSON, without secrets.
    details     TEXT NOT NULL,
    source      TEXT,
    request_id  TEXT,
    count       INTEGER NOT NULL DEFAULT 1,
    CHECK ((agent IN ('organization', 'personal')) = (member IS NOT NULL)),
    CHECK ((agent = 'recipient') = (email IS NOT NULL))
) STRICT;

CREATE INDEX audit_at ON audit (at, seq);
CREATE INDEX audit_of_object ON audit (object_kind, object_id, seq);
CREATE INDEX audit_of_member ON audit (member, seq) WHERE member IS NOT NULL;
CREATE INDEX audit_verb ON audit (verb, seq);

-- Entries from before this instant may be deleted. It is set for the time of one pruning only.
CREATE TABLE audit_retention (
    only       INTEGER PRIMARY KEY CHECK (only = 1),
    kept_since INTEGER NOT NULL
) STRICT;
INSERT INTO audit_retention VALUES (1, -9223372036854775808);

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit are never changed');
END;

CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE seq = new.seq)
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit are never changed');
END;

CREATE TRIGGER audit_is_deleted_by_age BEFORE DELETE ON audit WHEN old.at >= (SELECT kept_since FROM audit_retention)
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit are deleted by their age only');
END;
