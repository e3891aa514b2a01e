//! Which addresses a tenant may make this server connect to (D5).
//!
//! The cast: a *tenant* types a webhook address or an SFTP host; the *operator* allows exceptions. An address is checked
//! twice. When a schedule is saved, [`EgressPolicy::check_url`] and [`EgressPolicy::check_host`] look at what was typed; a
//! literal address in any of its spellings (`127.1`, `0x7f000001`, `[::ffff:127.0.0.1]`) is recognised there. When something
//! is sent, [`EgressPolicy::resolve_checked`] looks the name up, drops what is not allowed, and the caller connects to
//! exactly the addresses returned, so a name that answers differently a moment later (DNS rebinding) gains nothing. No
//! proxy is asked and no redirect is followed.

mod address;
mod policy;
mod resolve;

pub use address::is_public;
pub use policy::{AllowRule, EgressPolicy, EgressRefused, InvalidAllowRule};
pub use resolve::{Resolve, ResolveError, SystemResolver};
