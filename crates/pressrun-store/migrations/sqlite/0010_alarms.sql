-- Who was, or is about to be, told of a failure of a schedule and of no recovery since: one row each, whatever was said before.
CREATE TABLE alarms (
    schedule_id TEXT NOT NULL,
    -- An address, or 'operator'.
    recipient   TEXT NOT NULL,
    -- When there was first reason to.
    since       INTEGER NOT NULL,
    -- Whether a notice of it was accepted; until then the alarm goes when no notice gets through.
    told        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (schedule_id, recipient)
) STRICT, WITHOUT ROWID;

WITH cleared AS (
    SELECT schedule_id, recipient, max(created_at) AS at FROM notices WHERE kind = 'run.recovered' GROUP BY schedule_id, recipient
)
INSERT INTO alarms (schedule_id, recipient, since, told)
SELECT n.schedule_id, n.recipient, min(n.created_at), max(n.state = 'accepted')
FROM notices n LEFT JOIN cleared c ON c.schedule_id = n.schedule_id AND c.recipient = n.recipient
WHERE n.kind = 'run.failed' AND n.state IN ('pending', 'accepted') AND (c.at IS NULL OR n.created_at > c.at)
GROUP BY n.schedule_id, n.recipient;

-- A notice waits for older ones to the same place: only those that are owed are looked at.
CREATE INDEX notices_owed ON notices (schedule_id, recipient, created_at) WHERE state = 'pending';
-- Nothing asks for all notices of a schedule any more.
DROP INDEX notices_of_schedule;

-- How the last runs of a schedule that count ended, whatever was skipped, tested and sent again between them.
CREATE INDEX runs_ended_of_schedule ON runs (schedule_id, scheduled_for DESC, id DESC) WHERE state = 'ended' AND kind IN ('scheduled', 'manual');
CREATE INDEX runs_failed_of_schedule ON runs (schedule_id, scheduled_for DESC, id DESC)
    WHERE state = 'ended' AND kind IN ('scheduled', 'manual') AND status IN ('ERROR', 'ERROR_DELIVERED', 'KILLED');
