//! One artifact to one destination, and the egress policy.
//!
//! [`Carriers`] lives as long as the process: it holds the mail transport, the address policy and the credentials that belong
//! to the operator. Each attempt at a delivery is one call of [`Carriers::deliver`] with a [`Parcel`]; the answer is an
//! [`Outcome`](pressrun_domain::delivery::Outcome), classified by the module that knows the protocol. No attempt is repeated
//! here and nothing of a piece is remembered here: when to try again is the engine's decision, what was accepted is the ledger's. What is
//! remembered is of the ways out: open connections, tokens, and whether the mail server lets us in.
//!
//! What every destination promises:
//!
//! - the same idempotency key gives the same marks at the remote (I6): Message-ID, `webhook-id`, file name, object key;
//! - every phase has a deadline ([`Deadlines`]) and every answer a bound, and a reason names the phase that failed;
//! - no reason, receipt, warning or `Debug` text contains a secret (D13);
//! - addresses that a tenant typed are checked again on the address that is connected to (D5).
//!
//! To add a destination: one module with a type that implements [`Deliverer`], one arm in [`Carriers::deliver`], and one
//! case in `tests/suite/every.rs` and `tests/suite/aim.rs`: the suites about outcomes, secrets, bad days and nonsense take it from there.

pub mod bounce;
mod carriers;
mod config;
mod dial;
pub mod egress;
mod email;
mod http;
mod nodes;
mod outcome;
mod parcel;
mod s3;
mod sftp;
mod slack;
mod steps;
mod tls;
mod webhook;

pub use carriers::Carriers;
pub use config::{
    CarrierConfig, ConfigError, DEFAULT_MAIL_CONNECTIONS, DEFAULT_MAX_ATTACHMENT_BYTES, Deadlines, DkimConfig, DomainPace, MailConfig,
    MailLogin, MailPace, ProxyConfig, S3Config, S3Credentials, S3Source, SecretSource, SlackConfig, SmtpConfig, SmtpTls, TokenSource,
};
pub use egress::{EgressPolicy, EgressRefused, EgressRule, NoAddress, Ports, Resolve, ResolveError, SystemResolver};
pub use email::INLINE_PNG_BYTES_MAX;
pub use nodes::{AllNodes, KeptOpen};
pub use parcel::{Delivered, Deliverer, Parcel, ParcelFile, TurnWatch};
pub use sftp::{InvalidPrivateKey, check_private_key};
pub use steps::{StepListener, heard};
pub use webhook::signature as webhook_signature;
