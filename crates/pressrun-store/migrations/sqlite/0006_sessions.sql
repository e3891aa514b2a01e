-- Sessions are rows that can be ended, and keys say what they are for, until when, and when they were last used.
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT 'read schedules users keys';
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER;
ALTER TABLE api_keys ADD COLUMN last_used_at INTEGER;
CREATE INDEX api_keys_of_member ON api_keys (member, created_at);

CREATE TABLE sessions (
    id              TEXT PRIMARY KEY NOT NULL,
    -- Of the random secret that the cookie holds.
    secret_sha256   BLOB NOT NULL UNIQUE,
    key_id          TEXT REFERENCES api_keys (id) ON DELETE CASCADE,
    development_key TEXT,
    member          TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    seen_at         INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    source          TEXT,
    browser         TEXT,
    CHECK ((key_id IS NULL) <> (development_key IS NULL))
) STRICT;

CREATE INDEX sessions_of_member ON sessions (member, created_at);
CREATE INDEX sessions_of_key ON sessions (key_id) WHERE key_id IS NOT NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at);
