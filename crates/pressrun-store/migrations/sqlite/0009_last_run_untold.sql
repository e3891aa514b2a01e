-- Whether an alert's condition held is told only to those to whom the judged rows are open. What others are told of a schedule's last run,
-- and by which their lists are narrowed and sorted, stands beside how it was.
ALTER TABLE schedules ADD COLUMN last_known_to TEXT NOT NULL DEFAULT 'readers' CHECK (last_known_to IN ('readers', 'owner', 'admins'));
ALTER TABLE schedules ADD COLUMN told_status TEXT;
ALTER TABLE schedules ADD COLUMN told_at INTEGER;

-- Of alerts that ran before, nobody knows any more by whose rows: until they run again, only admins are told.
UPDATE schedules SET
    last_known_to = CASE WHEN alert THEN 'admins' ELSE 'readers' END,
    told_status = CASE
        WHEN alert AND last_status IN ('COMPLETE', 'CONDITION_UNMET') THEN 'COMPLETE'
        WHEN alert THEN 'ERROR'
        ELSE last_status END,
    told_at = last_completed_at
WHERE last_status IS NOT NULL;

CREATE INDEX schedules_told_at_up ON schedules ((told_at IS NULL), told_at, id);
CREATE INDEX schedules_told_at_down ON schedules ((told_at IS NULL), told_at DESC, id);
CREATE INDEX schedules_told_status_up ON schedules ((told_status IS NULL), told_status, id);
CREATE INDEX schedules_told_status_down ON schedules ((told_status IS NULL), told_status DESC, id);

DROP INDEX schedules_filters;
CREATE INDEX schedules_filters ON schedules (destination, alert, single_tile, last_status, told_status, owner, identifier, id);
