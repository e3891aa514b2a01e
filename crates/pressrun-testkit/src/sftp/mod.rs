//! Two SSH servers: the real OpenSSH, for public keys and its own SFTP, and one in this process, for passwords and faults.
//!
//! OpenSSH checks passwords against the machine's accounts, and a test makes no accounts; so passwords are tested with
//! [`SftpServer`], which is built on the same library as the client, and everything else against [`OpenSshServer`] as well.

mod files;
mod openssh;
mod scripted;

pub use openssh::{KeyFile, OpenSshServer, SshKey};
pub use russh_sftp::protocol::StatusCode as SftpStatus;
pub use scripted::{SftpPhase, SftpScript, SftpServer};
