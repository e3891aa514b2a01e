-- A run's state is columns and its history rows that are only added to: nothing rewrites what was written before.

-- What the plan said of the occurrence, the first line of the timeline; its instant is `created_at`.
ALTER TABLE runs ADD COLUMN plan_note TEXT;
-- Every piece is in the ledger since.
ALTER TABLE runs ADD COLUMN promised_at INTEGER;
-- The last claim that came further.
ALTER TABLE runs ADD COLUMN progress_fence INTEGER NOT NULL DEFAULT 0;
-- Time that claims have worked, in microseconds.
ALTER TABLE runs ADD COLUMN preparing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN sending INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN query_failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN queries_fail_since INTEGER;
ALTER TABLE runs ADD COLUMN held_since INTEGER;
-- Less was delivered than promised.
ALTER TABLE runs ADD COLUMN degraded INTEGER NOT NULL DEFAULT 0;
-- Why it waits for `available_at` after it began.
ALTER TABLE runs ADD COLUMN waits_for TEXT;
ALTER TABLE runs ADD COLUMN error TEXT;
-- What is told of an alert's run to those who may not know how it went, as JSON.
ALTER TABLE runs ADD COLUMN outline TEXT;
-- The piece that a resend sends again.
ALTER TABLE runs ADD COLUMN resend_piece TEXT;
-- A host key that a piece learnt, until the end hands it to the schedule.
ALTER TABLE runs ADD COLUMN host_key TEXT;

-- The timeline: lines of a claim, numbered in it.
CREATE TABLE run_events (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    event  TEXT NOT NULL,
    detail TEXT,
    PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;

-- What a run found: queries that ran, conditions that were judged, files that were made, warnings.
CREATE TABLE run_findings (
    run_id   TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    kind     TEXT NOT NULL CHECK (kind IN ('tile', 'condition', 'artifact', 'warning')),
    number   INTEGER NOT NULL,
    -- Whose it is; NULL for warnings.
    audience TEXT,
    -- A query that failed.
    failed   INTEGER NOT NULL DEFAULT 0,
    -- JSON.
    content  TEXT NOT NULL,
    PRIMARY KEY (run_id, kind, number)
) STRICT, WITHOUT ROWID;

-- Watched results, by the SHA-256 of their text. Rows are never changed, and go with the last row that names them.
CREATE TABLE fingerprints (
    id   TEXT PRIMARY KEY NOT NULL,
    json TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Baselines that wait for the end of their run.
CREATE TABLE run_baselines (
    run_id         TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    audience       TEXT NOT NULL,
    fingerprint_id TEXT NOT NULL REFERENCES fingerprints (id),
    moves          TEXT NOT NULL CHECK (moves IN ('always', 'onceDelivered')),
    -- The piece by which whoever it belongs to is told; NULL when anybody's does.
    told_by        TEXT,
    PRIMARY KEY (run_id, audience)
) STRICT, WITHOUT ROWID;

CREATE INDEX run_baselines_fingerprint ON run_baselines (fingerprint_id);

ALTER TABLE baselines RENAME TO old_baselines;
CREATE TABLE baselines (
    schedule_id    TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    audience       TEXT NOT NULL,
    fingerprint_id TEXT NOT NULL REFERENCES fingerprints (id),
    PRIMARY KEY (schedule_id, audience)
) STRICT, WITHOUT ROWID;

-- What is moved has no SHA-256 yet: any name does, for only equal texts of one name would be one row.
CREATE TEMP TABLE moved AS
SELECT lower(hex(randomblob(32))) AS id, json FROM (
    SELECT fingerprint AS json FROM old_baselines
    UNION
    SELECT json_extract(j.value, '$.fingerprint') FROM runs r, json_each(r.record, '$.judged') j
    WHERE r.state IN ('queued', 'running') AND json_valid(r.record)
);
CREATE INDEX temp.moved_json ON moved (json);
INSERT INTO fingerprints SELECT id, json FROM moved;
INSERT INTO baselines SELECT o.schedule_id, o.audience, m.id FROM old_baselines o JOIN moved m ON m.json = o.fingerprint;
INSERT INTO run_baselines (run_id, audience, fingerprint_id, moves)
SELECT r.id, json_extract(j.value, '$.audience'), m.id,
    CASE json_extract(j.value, '$.judgement') WHEN 'met' THEN 'onceDelivered' ELSE 'always' END
FROM runs r, json_each(r.record, '$.judged') j JOIN moved m ON m.json = json_extract(j.value, '$.fingerprint')
WHERE r.state IN ('queued', 'running') AND json_valid(r.record)
ON CONFLICT DO NOTHING;
-- A personal copy is known by its address.
UPDATE run_baselines SET told_by = (SELECT d.id FROM deliveries d WHERE d.run_id = run_baselines.run_id AND lower(d.target) = run_baselines.audience)
WHERE audience <> '';
DROP TABLE temp.moved;
DROP TABLE old_baselines;

CREATE INDEX baselines_fingerprint ON baselines (fingerprint_id);
CREATE TRIGGER baseline_moved AFTER UPDATE OF fingerprint_id ON baselines WHEN old.fingerprint_id <> new.fingerprint_id
BEGIN
    DELETE FROM fingerprints WHERE id = old.fingerprint_id
        AND NOT EXISTS (SELECT 1 FROM baselines WHERE fingerprint_id = old.fingerprint_id)
        AND NOT EXISTS (SELECT 1 FROM run_baselines WHERE fingerprint_id = old.fingerprint_id);
END;
CREATE TRIGGER baseline_gone AFTER DELETE ON baselines
BEGIN
    DELETE FROM fingerprints WHERE id = old.fingerprint_id
        AND NOT EXISTS (SELECT 1 FROM baselines WHERE fingerprint_id = old.fingerprint_id)
        AND NOT EXISTS (SELECT 1 FROM run_baselines WHERE fingerprint_id = old.fingerprint_id);
END;
CREATE TRIGGER run_baseline_gone AFTER DELETE ON run_baselines
BEGIN
    DELETE FROM fingerprints WHERE id = old.fingerprint_id
        AND NOT EXISTS (SELECT 1 FROM baselines WHERE fingerprint_id = old.fingerprint_id)
        AND NOT EXISTS (SELECT 1 FROM run_baselines WHERE fingerprint_id = old.fingerprint_id);
END;

-- The records of old, row by row.
UPDATE runs SET
    plan_note = CASE json_extract(record, '$.timeline[0].event') WHEN 'planned' THEN json_extract(record, '$.timeline[0].detail') END,
    promised_at = CASE WHEN json_extract(record, '$.promised') THEN coalesce(started_at, created_at) END,
    query_failures = coalesce(json_extract(record, '$.queryFailures'), 0),
    queries_fail_since = CASE WHEN json_extract(record, '$.queryFailures') > 0 THEN coalesce(started_at, created_at) END,
    degraded = coalesce(json_extract(record, '$.degraded'), 0),
    error = json_extract(record, '$.error'),
    outline = json_extract(record, '$.outline'),
    resend_piece = json_extract(record, '$.resendOf.delivery'),
    progress_fence = fence
WHERE json_valid(record);

INSERT INTO run_events (run_id, number, at, event, detail)
SELECT r.id, line.key,
    -- An instant as text, with or without parts of a second.
    CAST(strftime('%s', substr(json_extract(line.value, '$.at'), 1, 19)) AS INTEGER) * 1000000
        + CAST(substr(rtrim(substr(json_extract(line.value, '$.at'), 21), 'Z') || '000000', 1, 6) AS INTEGER),
    json_extract(line.value, '$.event'), json_extract(line.value, '$.detail')
FROM runs r, json_each(r.record, '$.timeline') line
WHERE json_valid(r.record) AND NOT (line.key = 0 AND json_extract(line.value, '$.event') = 'planned');

INSERT INTO run_findings (run_id, kind, number, audience, failed, content)
SELECT r.id, 'tile', f.key, json_extract(f.value, '$.audience'), json_extract(f.value, '$.error') IS NOT NULL, f.value
FROM runs r, json_each(r.record, '$.tiles') f WHERE json_valid(r.record)
UNION ALL
SELECT r.id, 'condition', f.key, json_extract(f.value, '$.audience'), 0, f.value
FROM runs r, json_each(r.record, '$.conditions') f WHERE json_valid(r.record)
UNION ALL
SELECT r.id, 'artifact', f.key, json_extract(f.value, '$.audience'), 0, f.value
FROM runs r, json_each(r.record, '$.artifacts') f WHERE json_valid(r.record)
UNION ALL
SELECT r.id, 'warning', f.key, NULL, 0, json_quote(f.value)
FROM runs r, json_each(r.record, '$.warnings') f WHERE json_valid(r.record);

ALTER TABLE runs DROP COLUMN record;
