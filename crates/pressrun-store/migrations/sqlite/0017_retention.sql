-- What is older than it is kept goes in small steps: found by an index on its age, and with it what nothing names any more.

-- From when on the age of a run counts that is kept for its schedule's sake; otherwise it counts from its end.
ALTER TABLE runs ADD COLUMN ages_from INTEGER;
DROP INDEX runs_ended;
CREATE INDEX runs_by_age ON runs (coalesce(ages_from, ended_at, created_at)) WHERE state IN ('skipped', 'ended');

ALTER TABLE notices ADD COLUMN ages_from INTEGER;
CREATE INDEX notices_by_age ON notices (coalesce(ages_from, created_at)) WHERE state <> 'pending';

CREATE INDEX bounces_of_notices ON bounces (at) WHERE run_id IS NULL;

-- Definitions go with the last row that names them.
CREATE INDEX runs_of_definition ON runs (definition_id);
CREATE INDEX schedules_of_definition ON schedules (definition_id);
DELETE FROM definitions WHERE NOT EXISTS (SELECT 1 FROM runs WHERE definition_id = definitions.id)
    AND NOT EXISTS (SELECT 1 FROM schedules WHERE definition_id = definitions.id);
CREATE TRIGGER definition_changed AFTER UPDATE OF definition_id ON schedules WHEN old.definition_id <> new.definition_id
BEGIN
    DELETE FROM definitions WHERE id = old.definition_id
        AND NOT EXISTS (SELECT 1 FROM runs WHERE definition_id = old.definition_id)
        AND NOT EXISTS (SELECT 1 FROM schedules WHERE definition_id = old.definition_id);
END;
CREATE TRIGGER schedule_gone AFTER DELETE ON schedules
BEGIN
    DELETE FROM definitions WHERE id = old.definition_id
        AND NOT EXISTS (SELECT 1 FROM runs WHERE definition_id = old.definition_id)
        AND NOT EXISTS (SELECT 1 FROM schedules WHERE definition_id = old.definition_id);
END;
CREATE TRIGGER run_gone AFTER DELETE ON runs
BEGIN
    DELETE FROM definitions WHERE id = old.definition_id
        AND NOT EXISTS (SELECT 1 FROM runs WHERE definition_id = old.definition_id)
        AND NOT EXISTS (SELECT 1 FROM schedules WHERE definition_id = old.definition_id);
END;

-- Artifacts are rows: what may be deleted is found by an index, and not by listing a folder of millions of files.
CREATE TABLE artifacts (
    sha256    TEXT PRIMARY KEY NOT NULL,
    -- When the last run that needed it ended; NULL while one does.
    needed_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX artifacts_by_age ON artifacts (needed_at) WHERE needed_at IS NOT NULL;

INSERT INTO artifacts (sha256, needed_at)
SELECT a.sha256, CASE WHEN max(r.state IN ('queued', 'running')) THEN NULL ELSE max(coalesce(r.ended_at, r.created_at)) END
FROM run_artifacts a JOIN runs r ON r.id = a.run_id GROUP BY a.sha256;

-- From here on only runs that are not over hold artifacts.
DELETE FROM run_artifacts WHERE run_id IN (SELECT id FROM runs WHERE state IN ('skipped', 'ended'));
CREATE INDEX run_artifacts_by_file ON run_artifacts (sha256);
