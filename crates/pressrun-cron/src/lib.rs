//! AWS six-field cron expressions and IANA zones to instants; pure.
