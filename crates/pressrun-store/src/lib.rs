//! What Pressrun remembers: traits, the conformance suite, SQLite.
