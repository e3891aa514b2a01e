-- Notices to people and to the operator are claimed apart: when one way out hangs, the other is not behind it.
DROP INDEX notices_due;
CREATE INDEX notices_due ON notices (recipient = 'operator', not_before, id) WHERE state = 'pending';
