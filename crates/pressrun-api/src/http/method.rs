//! Methods by name, a closed set: a client may send any other word of any length.

use axum::http::Method;

/// The method, when it is one of RFC 9110 or RFC 5789.
pub(super) fn name(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| method.as_str() == *known).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h1_methods_of_log_and_figures_are_a_closed_set() {
        assert_eq!(name(&Method::DELETE), "DELETE");
        assert_eq!(name(&Method::from_bytes(b"EVILEVILEVIL").expect("a method")), "other");
    }
}
