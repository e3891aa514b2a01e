-- The page of somebody without a login lists what names their address: read by it, and not by all lists.
CREATE INDEX schedule_recipients_by_address ON schedule_recipients (email_folded, schedule_id);
