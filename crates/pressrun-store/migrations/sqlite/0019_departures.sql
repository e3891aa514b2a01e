-- Who has left a list since its definition was written. A definition is a text that may name tens of thousands of people; that one of them leaves
-- is a row beside it, and not another such text.
CREATE TABLE departures (
    schedule_id   TEXT NOT NULL,
    definition_id TEXT NOT NULL REFERENCES definitions (id) ON DELETE CASCADE,
    recipient_id  TEXT NOT NULL,
    PRIMARY KEY (schedule_id, definition_id, recipient_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX departures_of_definition ON departures (definition_id);
