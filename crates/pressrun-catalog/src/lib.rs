//! Dashboards, connections, members and attributes from files, with errors that name file, line and hint.
