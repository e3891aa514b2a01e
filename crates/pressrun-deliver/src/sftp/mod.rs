//! A file on an SSH server (D6, D7).

mod algorithms;
mod effort;
mod host_key;
mod lenient;
mod login;
mod naming;
mod private_key;
mod session;
mod upload;

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::{RemotePath, SftpSettings};
use pressrun_domain::secret::Secret;
use sha2::{Digest, Sha256};

use crate::config::Deadlines;
use crate::dial::Dialer;
use crate::outcome::{accepted, presentable, rejected};
use crate::parcel::{Delivered, Deliverer, Parcel};
use naming::Names;
pub use private_key::{InvalidPrivateKey, check_private_key};
use upload::{Content, Upload};

/// Puts files into one folder of one server.
pub(crate) struct SftpDeliverer<'a> {
    pub(crate) settings: &'a SftpSettings,
    pub(crate) dialer: &'a Dialer,
    pub(crate) deadlines: Deadlines,
}

#[async_trait]
impl Deliverer for SftpDeliverer<'_> {
    async fn deliver(&self, parcel: &Parcel, _now: Timestamp) -> Delivered {
        match self.attempt(parcel).await {
            Ok((receipt, host_key)) => Delivered {
                outcome: accepted(receipt),
                learnt_host_key: host_key.filter(|_| self.settings.host_key.is_none()),
                warnings: Vec::new(),
            },
            Err(outcome) => self.redacted(outcome).into(),
        }
    }
}

impl SftpDeliverer<'_> {
    async fn attempt(&self, parcel: &Parcel) -> Result<(String, Option<String>), Outcome> {
        let content = Content::of(parcel).map_err(|reason| rejected(format!("sftp: {reason}")))?;
        let folder = match self.settings.path.as_deref().filter(|path| !path.trim().is_empty()) {
            Some(path) => Some(path.parse::<RemotePath>().map_err(|fault| rejected(format!("sftp: {fault}")))?),
            None => None,
        };
        let folder = folder.as_ref().map(RemotePath::as_str);
        let mark = hex::encode(&Sha256::digest(&parcel.idempotency_key)[..8]);
        let quirks = &self.settings.quirks;
        let session = session::open(self.settings, self.dialer, self.deadlines).await?;
        let upload = Upload {
            sftp: &session.sftp,
            folder,
            names: Names::of(folder, &parcel.file_name(), &mark, quirks),
            mode: quirks.upload_mode,
            deadlines: self.deadlines,
        };
        let written = upload.run(&content).await?;
        let host_key = session.host_key.clone();
        session.close().await;
        Ok((written, host_key))
    }

    /// Logs in and starts SFTP, and writes nothing.
    pub(crate) async fn reach(&self) -> Outcome {
        match session::open(self.settings, self.dialer, self.deadlines).await {
            Ok(session) => {
                session.close().await;
                let SftpSettings { username, address, port, .. } = self.settings;
                accepted(format!("{username} is logged in at {address}:{port}"))
            }
            Err(outcome) => self.redacted(outcome),
        }
    }

    fn redacted(&self, outcome: Outcome) -> Outcome {
        let secrets: Vec<&Secret> =
            [&self.settings.password, &self.settings.private_key, &self.settings.passphrase].into_iter().flatten().collect();
        match outcome {
            Outcome::Accepted { receipt } => Outcome::Accepted { receipt: presentable(&receipt, &secrets) },
            Outcome::Retry { reason, not_before } => Outcome::Retry { reason: presentable(&reason, &secrets), not_before },
            Outcome::Rejected { reason } => Outcome::Rejected { reason: presentable(&reason, &secrets) },
            Outcome::Held { reason, since, not_before, by_hand } => {
                Outcome::Held { reason: presentable(&reason, &secrets), since, not_before, by_hand }
            }
        }
    }
}
