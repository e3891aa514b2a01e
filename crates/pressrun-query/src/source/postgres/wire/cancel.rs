//! Asking a server to stop what it does.

use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use pressrun_domain::postgres::PostgresAddress;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::failure::Fault;
use super::super::tls::Tls;
use super::connect::{Encryption, Place, open};

/// How long the request may take; the server's own time limit ends the query as well.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a server knows a session by.
#[derive(Debug, Clone, Copy)]
pub(super) struct CancelKey {
    pub(super) process: i32,
    pub(super) secret: i32,
}

/// Cancels what its session runs, over a connection of its own.
#[derive(Clone)]
pub(in super::super) struct Canceller {
    pub(super) place: Place,
    pub(super) address: PostgresAddress,
    pub(super) host: String,
    pub(super) tls: Tls,
    pub(super) encrypted: bool,
    pub(super) key: CancelKey,
}

impl Canceller {
    /// Sends the request and waits until the server has passed it on: a request that is still under way could meet a later statement.
    pub(in super::super) async fn cancel(&self) {
        let asked = tokio::time::timeout(PATIENCE, self.ask()).await;
        if let Err(fault) = asked.unwrap_or(Err(Fault::Silence)) {
            tracing::debug!(?fault, "a query could not be cancelled");
        }
    }

    async fn ask(&self) -> Result<(), Fault> {
        let encryption = if self.encrypted { Encryption::Yes } else { Encryption::No };
        let mut opened = open(&self.place, &self.address, encryption, &self.tls, &self.host).await?;
        let mut request = BytesMut::new();
        frontend::cancel_request(self.key.process, self.key.secret, &mut request);
        opened.stream.write_all(&request).await?;
        opened.stream.flush().await?;
        // The server says nothing and closes.
        let _ = opened.stream.read_u8().await;
        Ok(())
    }
}
