-- Since when a schedule has fired as it does, by the clock of whoever made, retimed or resumed it: a clock that is behind has it fire at nothing that came before.
ALTER TABLE due ADD COLUMN fires_from INTEGER NOT NULL DEFAULT 0;
UPDATE due SET fires_from = (SELECT created_at FROM schedules WHERE schedules.id = due.schedule_id);
