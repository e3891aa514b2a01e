//! Fake clock, sinks and sample entities; tests only.
