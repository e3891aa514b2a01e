-- What decides whether a schedule can run by the catalog, once however many schedules share it: a publication looks at these, and then only at
-- the schedules that it switches on or off.
CREATE TABLE grounds (
    id         INTEGER PRIMARY KEY,
    identifier TEXT NOT NULL,
    owner      TEXT NOT NULL,
    -- Empty for the whole dashboard, and without a condition.
    tile       TEXT NOT NULL,
    watched    TEXT NOT NULL,
    -- The keys of filters that the schedule sets, as a JSON list.
    filters    TEXT NOT NULL,
    UNIQUE (identifier, owner, tile, watched, filters)
) STRICT;

ALTER TABLE schedules ADD COLUMN grounds INTEGER REFERENCES grounds (id);

CREATE TEMP TABLE standing AS
SELECT s.id, s.identifier, s.owner,
    coalesce(CAST(json_extract(d.json, '$.tile') AS TEXT), '') AS tile,
    coalesce(CAST(json_extract(d.json, '$.condition.tile') AS TEXT), '') AS watched,
    coalesce((SELECT json_group_array(f.key) FROM json_each(d.json, '$.filters') f), '[]') AS filters
FROM schedules s JOIN definitions d ON d.id = s.definition_id WHERE json_valid(d.json);
INSERT INTO grounds (identifier, owner, tile, watched, filters) SELECT DISTINCT identifier, owner, tile, watched, filters FROM standing;
UPDATE schedules SET grounds = g.id FROM standing t JOIN grounds g
    ON g.identifier = t.identifier AND g.owner = t.owner AND g.tile = t.tile AND g.watched = t.watched AND g.filters = t.filters
    WHERE schedules.id = t.id;
DROP TABLE standing;

CREATE INDEX schedules_by_grounds ON schedules (grounds, (system_disabled_at IS NULL), id);

-- Which names the list has of each document and owner is found by walking from one to the next.
CREATE INDEX schedules_dashboard_names ON schedules (identifier, dashboard_name);
CREATE INDEX schedules_owner_names ON schedules (owner, owner_name);
