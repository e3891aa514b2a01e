//! Ids, entities, states and decisions; pure, no I/O.
