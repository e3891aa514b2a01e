-- A fan-out of thousands: what an audience is sent is stored once, owed pieces are paged through by an index.

-- What pieces carry, by the SHA-256 of it; pieces of one audience share a row. Rows are never changed.
CREATE TABLE contents (
    run_id   TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    id       TEXT NOT NULL,
    artifact TEXT,
    message  TEXT NOT NULL,
    PRIMARY KEY (run_id, id)
) STRICT, WITHOUT ROWID;

ALTER TABLE deliveries ADD COLUMN content_id TEXT NOT NULL DEFAULT '';
-- The one word of a message that is the recipient's own.
ALTER TABLE deliveries ADD COLUMN unsubscribe TEXT;

INSERT INTO contents (run_id, id, artifact, message) SELECT run_id, id, artifact, json_remove(message, '$.unsubscribe') FROM deliveries;
UPDATE deliveries SET content_id = id, unsubscribe = json_extract(message, '$.unsubscribe');

ALTER TABLE deliveries DROP COLUMN artifact;
ALTER TABLE deliveries DROP COLUMN message;

CREATE INDEX deliveries_owed ON deliveries (run_id, position) WHERE state = 'pending';

-- Claims leave out documents whose connection has enough to do.
ALTER TABLE runs ADD COLUMN identifier TEXT NOT NULL DEFAULT '';
UPDATE runs SET identifier = coalesce((SELECT json_extract(d.json, '$.identifier') FROM definitions d WHERE d.id = runs.definition_id AND json_valid(d.json)), '');
