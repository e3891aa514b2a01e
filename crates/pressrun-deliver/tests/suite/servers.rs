//! A counterpart of every kind that works as the real one does.

use std::net::SocketAddr;

use pressrun_testkit::{HttpReceiver, ObjectServer, SftpScript, SftpServer, SlackWorkspace, SmtpScript, SmtpSink};

use crate::aim::Speech;

/// A server that works.
pub(crate) enum Server {
    Smtp(SmtpSink),
    Webhook(HttpReceiver),
    Sftp(Box<SftpServer>),
    Slack(SlackWorkspace),
    Store(ObjectServer),
}

impl Server {
    pub(crate) async fn start(speech: Speech) -> Self {
        match speech {
            Speech::Smtp | Speech::SmtpOverTls => Self::Smtp(SmtpSink::start(SmtpScript::default()).await),
            Speech::Webhook | Speech::WebhookOverTls => Self::Webhook(HttpReceiver::start().await),
            Speech::Sftp => Self::Sftp(Box::new(SftpServer::start("blobby", "1am@g00dBL0b", SftpScript::default()).await)),
            Speech::Slack => Self::Slack(SlackWorkspace::start("xoxb-t0ken").await),
            Speech::S3 | Speech::TokenService => {
                let store = ObjectServer::start("AKIAEXAMPLE", "wJalrXUtnFEMI", &["blob-reports"]).await;
                store.allow_role("arn:aws:iam::123456789012:role/deliver", "org-1");
                Self::Store(store)
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Smtp(sink) => sink.address(),
            Self::Webhook(receiver) => receiver.address(),
            Self::Sftp(server) => server.address(),
            Self::Slack(workspace) => workspace.receiver().address(),
            Self::Store(store) => store.receiver().address(),
        }
    }
}
