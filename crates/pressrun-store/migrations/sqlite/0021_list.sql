-- The list of schedules is filtered, sorted and counted in memory, and told here which rows changed. It follows by these numbers; who is too far
-- behind reads all of it again, so that some are enough.
CREATE TABLE list_changes (
    seq INTEGER PRIMARY KEY,
    -- The rowid of the schedule. That of a deleted one may be given again: what counts is what stands there now.
    k   INTEGER NOT NULL
) STRICT;

CREATE TRIGGER schedule_listed AFTER INSERT ON schedules
BEGIN
    INSERT INTO list_changes (k) VALUES (new.rowid);
END;
CREATE TRIGGER schedule_unlisted AFTER DELETE ON schedules
BEGIN
    INSERT INTO list_changes (k) VALUES (old.rowid);
END;
CREATE TRIGGER schedule_listed_anew AFTER UPDATE OF id, name_folded, name_key, identifier, dashboard_folded, dashboard_key, owner, owner_folded,
    owner_key, destination, alert, single_tile, last_status, last_completed_at, told_status, told_at ON schedules
BEGIN
    INSERT INTO list_changes (k) VALUES (new.rowid);
END;
-- Not at each change: the oldest stand on another page of the file than the newest.
CREATE TRIGGER list_changes_forgotten AFTER INSERT ON list_changes WHEN new.seq % 1000 = 0
BEGIN
    DELETE FROM list_changes WHERE seq <= new.seq - 200000;
END;

-- What the list no longer sorts, filters and searches by: they were written anew with each run that ended.
DROP INDEX schedules_name_up;
DROP INDEX schedules_name_down;
DROP INDEX schedules_dashboard_up;
DROP INDEX schedules_dashboard_down;
DROP INDEX schedules_owner_up;
DROP INDEX schedules_owner_down;
DROP INDEX schedules_last_run_up;
DROP INDEX schedules_last_run_down;
DROP INDEX schedules_last_status_up;
DROP INDEX schedules_last_status_down;
DROP INDEX schedules_told_at_up;
DROP INDEX schedules_told_at_down;
DROP INDEX schedules_told_status_up;
DROP INDEX schedules_told_status_down;
DROP INDEX schedules_filters;
DROP INDEX schedules_search;
