//! Which addresses a tenant may make this server connect to (D5, M12).
//!
//! The cast: a *tenant* types a webhook address or an SFTP host; the *operator* allows exceptions and closes what is nobody's business. An
//! address is checked twice. When a schedule is saved, [`EgressPolicy::check_url`] and [`EgressPolicy::check_host`] look at what was typed; a
//! literal address in any of its spellings (`127.1`, `0x7f000001`, `[::ffff:127.0.0.1]`) is recognised there. When something is sent,
//! [`EgressPolicy::resolve_checked`] looks the name up, drops what is not allowed, and the caller connects to exactly the addresses returned,
//! so a name that answers differently a moment later (DNS rebinding) gains nothing. No redirect is followed, and no proxy is asked but the
//! operator's.
//!
//! Names are not looked up when a schedule is saved, and a name that leads inside fails later in the same words and the same way as one that
//! does not exist: otherwise anybody who may save a schedule could ask which names this house has
//! (`docs/decisions/0020-names-are-not-looked-up-at-save.md`).

mod address;
mod policy;
mod resolve;
mod rule;

pub use address::is_public;
pub use policy::{DEFAULT_PORTS, EgressPolicy, EgressRefused, InvalidEgress};
pub use resolve::{NoAddress, Resolve, ResolveError, SystemResolver};
pub(crate) use rule::is_listed;
pub use rule::{EgressRule, InvalidEgressRule, InvalidPorts, Ports};
