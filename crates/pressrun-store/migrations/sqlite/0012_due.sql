-- When schedules come due: all that planning reads and writes, in small rows with integer keys, apart from what schedules are and from history.

-- An expression in a zone, once however many schedules have it.
CREATE TABLE timings (
    id   INTEGER PRIMARY KEY,
    cron TEXT NOT NULL,
    zone TEXT NOT NULL,
    UNIQUE (cron, zone)
) STRICT;

CREATE TABLE due (
    -- Never given twice, so that a plan that is late cannot hit another schedule.
    k               INTEGER PRIMARY KEY AUTOINCREMENT,
    schedule_id     TEXT NOT NULL UNIQUE REFERENCES schedules (id) ON DELETE CASCADE,
    timing          INTEGER NOT NULL REFERENCES timings (id),
    -- Counts every change of what is planned that planning itself did not make.
    revision        INTEGER NOT NULL DEFAULT 1,
    -- The next instant that is not planned yet; NULL when there is none, or the schedule is off.
    next_at         INTEGER,
    -- Every instant up to this one has been dealt with: planned, missed, or before the schedule was what it is.
    planned_through INTEGER NOT NULL
) STRICT;

CREATE INDEX due_next ON due (next_at, k) WHERE next_at IS NOT NULL;

-- Occurrences that become runs at their instant: planned a little ahead, taken back when the schedule changes before.
CREATE TABLE planned (
    k   INTEGER NOT NULL REFERENCES due (k) ON DELETE CASCADE,
    at  INTEGER NOT NULL,
    dst TEXT,
    PRIMARY KEY (k, at)
) STRICT, WITHOUT ROWID;

CREATE INDEX planned_at ON planned (at, k);

-- The round that is being served: whoever queues a run comes in the next one, and not before it because something old waits for a retry.
CREATE TABLE queue_clock (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    turn INTEGER NOT NULL
) STRICT;
INSERT INTO queue_clock SELECT 1, coalesce(min(turn), 0) FROM runs WHERE state = 'queued';

INSERT INTO timings (cron, zone)
SELECT DISTINCT coalesce(CAST(json_extract(d.json, '$.cron') AS TEXT), ''), coalesce(CAST(json_extract(d.json, '$.timezone') AS TEXT), '')
FROM schedules s JOIN definitions d ON d.id = s.definition_id WHERE json_valid(d.json);
-- Of definitions that do not parse: planning finds that it cannot plan them, and says so.
INSERT INTO timings (cron, zone) VALUES ('', '') ON CONFLICT DO NOTHING;

-- What is not due by now is dealt with up to now: why an earlier instant did not run (a pause, another expression) is not known any more.
INSERT INTO due (schedule_id, timing, next_at, planned_through)
SELECT s.id, t.id, s.next_at,
    min(coalesce(s.next_at - 1, 9223372036854775807), CAST(strftime('%s', 'now') AS INTEGER) * 1000000)
FROM schedules s JOIN definitions d ON d.id = s.definition_id
JOIN timings t ON t.cron = CASE json_valid(d.json) WHEN 1 THEN coalesce(CAST(json_extract(d.json, '$.cron') AS TEXT), '') ELSE '' END
    AND t.zone = CASE json_valid(d.json) WHEN 1 THEN coalesce(CAST(json_extract(d.json, '$.timezone') AS TEXT), '') ELSE '' END
ORDER BY s.next_at;

DROP INDEX schedules_due;
ALTER TABLE schedules DROP COLUMN next_at;
ALTER TABLE schedules DROP COLUMN unreadable;
