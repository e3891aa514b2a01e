#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::io::ErrorKind as Io;

use super::*;

fn server(code: &str) -> Fault {
    Fault::Server(ServerFault { code: code.to_owned(), message: "says no".to_owned(), ..ServerFault::default() })
}

/// Every class of the manual's appendix A that a reading client meets, and the codes that differ from their class.
#[test]
fn a9_what_may_go_better_later_is_known_by_its_sqlstate() {
    for (code, name, again) in [
        ("08000", "connection_exception", true),
        ("08001", "sqlclient_unable_to_establish_sqlconnection", true),
        ("08003", "connection_does_not_exist", true),
        ("08004", "sqlserver_rejected_establishment_of_sqlconnection", true),
        ("08006", "connection_failure", true),
        ("08P01", "protocol_violation, which poolers say when they have no server", true),
        ("0A000", "feature_not_supported", false),
        ("0LP01", "invalid_grant_operation", false),
        ("0P000", "invalid_role_specification", false),
        ("21000", "cardinality_violation", false),
        ("22012", "division_by_zero", false),
        ("22P02", "invalid_text_representation", false),
        ("22021", "character_not_in_repertoire", false),
        ("23505", "unique_violation", false),
        ("25001", "active_sql_transaction", false),
        ("25006", "read_only_sql_transaction", false),
        ("25P02", "in_failed_sql_transaction", false),
        ("25P03", "idle_in_transaction_session_timeout", true),
        ("25P04", "transaction_timeout", false),
        ("26000", "invalid_sql_statement_name", false),
        ("28000", "invalid_authorization_specification", false),
        ("28P01", "invalid_password", false),
        ("2F003", "prohibited_sql_statement_attempted", false),
        ("38000", "external_routine_exception", false),
        ("39000", "external_routine_invocation_exception", false),
        ("3D000", "invalid_catalog_name", false),
        ("3F000", "invalid_schema_name", false),
        ("40000", "transaction_rollback", true),
        ("40001", "serialization_failure, also a conflict with recovery on a standby", true),
        ("40003", "statement_completion_unknown", true),
        ("40P01", "deadlock_detected", true),
        ("42501", "insufficient_privilege", false),
        ("42601", "syntax_error", false),
        ("42703", "undefined_column", false),
        ("42883", "undefined_function", false),
        ("42P01", "undefined_table", false),
        ("42P18", "indeterminate_datatype", false),
        ("53000", "insufficient_resources", true),
        ("53100", "disk_full", true),
        ("53200", "out_of_memory", true),
        ("53300", "too_many_connections", true),
        ("53400", "configuration_limit_exceeded, such as temp_file_limit", false),
        ("54001", "statement_too_complex", false),
        ("54011", "too_many_columns", false),
        ("55000", "object_not_in_prerequisite_state", false),
        ("55006", "object_in_use", true),
        ("55P03", "lock_not_available", true),
        ("57000", "operator_intervention", true),
        ("57014", "query_canceled", false),
        ("57P01", "admin_shutdown", true),
        ("57P02", "crash_shutdown", true),
        ("57P03", "cannot_connect_now", true),
        ("57P04", "database_dropped", false),
        ("57P05", "idle_session_timeout", true),
        ("58000", "system_error", true),
        ("58030", "io_error", true),
        ("72000", "snapshot_too_old", true),
        ("F0000", "config_file_error", false),
        ("HV000", "fdw_error", false),
        ("HV00N", "fdw_unable_to_establish_connection", true),
        ("P0001", "raise_exception", false),
        ("XX000", "internal_error", false),
        ("XX001", "data_corrupted", false),
        ("", "none", false),
        ("é", "no code", false),
    ] {
        assert_eq!(server(code).while_running().is_transient(), again, "{code} {name}");
        assert_eq!(server(code).while_connecting().is_transient(), again, "{code} {name} while connecting");
    }
}

#[test]
fn a9_what_may_go_better_later_is_known_by_the_systems_error() {
    for (kind, again) in [
        (Io::ConnectionRefused, true),
        (Io::ConnectionReset, true),
        (Io::ConnectionAborted, true),
        (Io::NotConnected, true),
        (Io::BrokenPipe, true),
        (Io::TimedOut, true),
        (Io::UnexpectedEof, true),
        (Io::HostUnreachable, true),
        (Io::NetworkUnreachable, true),
        (Io::NetworkDown, true),
        (Io::AddrNotAvailable, true),
        (Io::Interrupted, true),
        // A socket whose server starts again, a name that nobody knows at the moment.
        (Io::NotFound, true),
        (Io::Other, true),
        (Io::PermissionDenied, false),
        (Io::InvalidInput, false),
        (Io::Unsupported, false),
    ] {
        for fault in [|kind| Fault::Io(io::Error::from(kind)).while_connecting(), |kind| Fault::Io(io::Error::from(kind)).while_running()] {
            assert_eq!(fault(kind).is_transient(), again, "{kind:?}");
        }
    }
    assert!(Fault::Silence.while_connecting().is_transient(), "nobody answers");
    assert!(!Fault::Silence.while_running().is_transient(), "the query had its time");
    assert!(!Fault::TooLong { bytes: 1 }.while_running().is_transient());
    assert!(!Fault::Protocol("HTTP/1.1 400".to_owned()).while_connecting().is_transient());
    for (broken_off, again) in [(true, true), (false, false)] {
        let fault = Fault::Tls { message: "no".to_owned(), hint: None, broken_off };
        assert_eq!(fault.while_connecting().is_transient(), again);
    }
}

#[test]
fn newcomer_27_no_words_of_the_library_reach_a_person() {
    use rustls::{CertificateError, Error};
    for error in [
        Error::InvalidCertificate(CertificateError::UnknownIssuer),
        Error::InvalidMessage(rustls::InvalidMessage::InvalidCcs),
        Error::AlertReceived(rustls::AlertDescription::UnknownCA),
        Error::AlertReceived(rustls::AlertDescription::HandshakeFailure),
    ] {
        let told = tls::explained(&error).while_connecting().to_string();
        assert!(told.contains("the database's") && !told.contains("Other("), "{told}");
    }
}
