//! Fake clock, sinks, sample entities and a fuzzer; tests only.
//!
//! Each sink is a real counterpart on 127.0.0.1, port 0: it speaks the protocol, records what it got, and follows a script
//! of misbehaviour. When a script says to hang, the sink announces it ([`Hang`]), so that a test can pause tokio's clock at
//! that moment and let a deadline pass without sleeping (feature `virtual-time`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, reason = "a failing sink fails the test")]

mod babble;
mod certificate;
mod clock;
mod connect_proxy;
mod dice;
mod fuzz;
mod hang;
mod http;
mod object_store;
mod pgbouncer;
mod postgres;
mod proxy;
mod sample;
mod sftp;
mod slack;
mod smtp;

pub use babble::{Afterwards, Babbler};
pub use certificate::TestCertificate;
pub use clock::FakeClock;
pub use connect_proxy::ConnectProxy;
pub use dice::Dice;
pub use fuzz::{fuzz, outline};
pub use hang::Hang;
pub use http::{HttpAnswer, HttpBehaviour, HttpReceiver, ReceivedRequest};
pub use object_store::{ObjectServer, StoredObject};
pub use pgbouncer::PgBouncer;
pub use postgres::{PostgresServer, postgres_of_tests};
pub use proxy::{Fault, Proxy, Way};
pub use sample::{instant, spool_file, temp_dir};
pub use sftp::{KeyFile, OpenSshServer, ProFtpd, SftpLogin, SftpPhase, SftpScript, SftpServer, SftpStatus, SshKey};
pub use slack::{SlackFile, SlackPost, SlackWorkspace};
pub use smtp::{ReceivedMail, SmtpPhase, SmtpScript, SmtpSink, SmtpSinkTls};
