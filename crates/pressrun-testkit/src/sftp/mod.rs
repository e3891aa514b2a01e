//! Three SSH servers: the real OpenSSH, for public keys, algorithms and its own SFTP; the real ProFTPD, for passwords and an SFTP without
//! extensions; and one in this process, for faults.
//!
//! OpenSSH checks passwords against the machine's accounts, and a test makes no accounts; ProFTPD has users of its own. [`SftpServer`] is built on
//! the same library as the client, so whatever is tested with it is tested against a real one as well where that can be made to do it.

mod files;
mod openssh;
mod proftpd;
mod scripted;

pub use openssh::{KeyFile, OpenSshServer, SshKey};
pub use proftpd::ProFtpd;
pub use russh_sftp::protocol::StatusCode as SftpStatus;
pub use scripted::{SftpLogin, SftpPhase, SftpScript, SftpServer};
