-- From here on the address of a webhook is sealed with its secrets. What older versions stored in the open is sealed when the store opens,
-- some rows at a time; this mark stands until the last of them is done.
INSERT INTO meta (key, value) VALUES ('addresses_in_the_open', x'');
