-- At which receiver a run waits that was put back because many do: it is called up when there is room, and comes by itself at its instant.
ALTER TABLE queue ADD COLUMN receiver INTEGER;
CREATE INDEX queue_of_receiver ON queue (receiver, ready_at, id) WHERE receiver IS NOT NULL AND turn IS NULL;
