-- Who is on a list of mail is rows beside the definition, so that a change of one person writes a row, however many there are, and nobody reads
-- tens of thousands who asks for something else.

CREATE TABLE lists (
    id       INTEGER PRIMARY KEY,
    -- The schedule; or the run that has a list of its own, which goes with it. No reference for that.
    holder   TEXT NOT NULL UNIQUE,
    -- Counts how often it changed.
    revision INTEGER NOT NULL
) STRICT;

CREATE TABLE list_places (
    list         INTEGER NOT NULL REFERENCES lists (id) ON DELETE CASCADE,
    -- 0 for recipients, 1 for open copies, 2 for hidden ones.
    part         INTEGER NOT NULL,
    -- Orders a part.
    place        INTEGER NOT NULL,
    -- The first revision that has this place, and the first that has it no more.
    since        INTEGER NOT NULL,
    until        INTEGER,
    recipient_id TEXT NOT NULL,
    email        TEXT NOT NULL,
    -- A member or somebody without a login.
    member       TEXT,
    user_id      TEXT,
    -- On the list for their own rows only: subscribed, or named under the organization's policy.
    own_rows     INTEGER NOT NULL,
    PRIMARY KEY (list, part, place, since),
    CHECK ((member IS NULL) <> (user_id IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX list_places_past ON list_places (list, until) WHERE until IS NOT NULL;
CREATE INDEX list_places_of_member ON list_places (member, email) WHERE member IS NOT NULL AND until IS NULL;

-- A definition is of one revision of one list; NULL when it is no mail, or was written before with all of its list in it.
ALTER TABLE definitions ADD COLUMN list INTEGER;
ALTER TABLE definitions ADD COLUMN revision INTEGER;
CREATE INDEX definitions_of_list ON definitions (list, revision) WHERE list IS NOT NULL;

-- Places go with the last definition that has them.
CREATE TRIGGER definition_gone AFTER DELETE ON definitions WHEN old.list IS NOT NULL
BEGIN
    DELETE FROM list_places WHERE list = old.list AND until IS NOT NULL
        AND until <= (SELECT min(revision) FROM definitions WHERE list = old.list);
    DELETE FROM lists WHERE id = old.list AND NOT EXISTS (SELECT 1 FROM definitions WHERE list = old.list);
END;

-- Definitions of schedules that hold a list are written anew without it while the server works, some at a time; this mark stands until the last
-- of them is done.
INSERT INTO meta (key, value) SELECT 'lists_in_definitions', x'' WHERE EXISTS (SELECT 1 FROM schedules WHERE destination = 'email');
