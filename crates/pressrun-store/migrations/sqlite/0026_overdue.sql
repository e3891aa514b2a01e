-- Occurrences and runs that were not over when they should have been: told once, and once more when they are. Rows go when that is told.
CREATE TABLE overdue (
    schedule_id   TEXT NOT NULL,
    scheduled_for INTEGER NOT NULL,
    found_at      INTEGER NOT NULL,
    -- When it was seen to be over, and how it came out.
    over_at       INTEGER,
    outcome       TEXT,
    -- When somebody was told that it is late.
    told_at       INTEGER,
    -- While somebody is being told: until when nobody else does that. 0 before the first time.
    hidden_until  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (schedule_id, scheduled_for),
    CHECK ((over_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;
