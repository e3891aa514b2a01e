//! The long-lived side: configured once, asked for every attempt.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use jiff::Timestamp;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::Destination;

use crate::config::{CarrierConfig, ConfigError, Deadlines, ProxyConfig};
use crate::dial::{Dialer, Proxy};
use crate::egress::EgressPolicy;
use crate::email::Mailer;
use crate::http::Http;
use crate::outcome::{rejected, retry};
use crate::parcel::{Delivered, Deliverer, Parcel, TurnWatch};
use crate::s3::{ObjectStore, ObjectStoreDeliverer};
use crate::sftp::SftpDeliverer;
use crate::slack::{Slack, SlackDeliverer};
use crate::tls;
use crate::webhook::WebhookDeliverer;

/// What an owner reads of a server without a way for mail (H7).
const NO_MAIL: &str = "mail is not configured; the operator sets mail.url to smtp://HOST:587 to send it, or to file:FOLDER to write files";

const NO_SLACK: &str = "Slack is not connected; the operator sets [slack] token";
const NO_S3: &str = "object storage is not configured; the operator sets [s3]";

/// Every way out, ready to be used by any number of tasks at once.
pub struct Carriers {
    mailer: Option<Mailer>,
    http: Http,
    ssh: Dialer,
    slack: Option<Slack>,
    s3: Option<ObjectStore>,
    deadlines: Deadlines,
}

impl Carriers {
    /// Sets everything up; connects to nothing yet.
    ///
    /// # Errors
    /// [`ConfigError`], which names the setting.
    pub fn new(config: CarrierConfig) -> Result<Self, ConfigError> {
        let dialer = Dialer {
            egress: config.egress,
            resolver: config.resolver,
            tls: tls::client(&config.extra_roots)?,
            connect: config.deadlines.connect,
            proxy: config.proxy.as_ref().map(Proxy::new).transpose()?.map(Arc::new),
        };
        let through = |wanted: fn(&ProxyConfig) -> bool| {
            if config.proxy.as_ref().is_some_and(wanted) { dialer.clone() } else { dialer.direct() }
        };
        let (http, ssh) = (Http { dialer: through(|proxy| proxy.http) }, through(|proxy| proxy.sftp));
        let mail = through(|proxy| proxy.mail);
        let deadlines = config.deadlines;
        Ok(Self {
            mailer: Mailer::new(
                config.mail,
                &config.dkim,
                config.return_path,
                (&mail, &http),
                &config.extra_roots,
                deadlines,
                config.nodes,
            )?,
            slack: config.slack.map(|slack| Slack::new(slack, http.clone(), deadlines)).transpose()?,
            s3: config.s3.map(|s3| ObjectStore::new(s3, http.clone(), deadlines)).transpose()?,
            http,
            ssh,
            deadlines,
        })
    }

    /// The address policy, for checking what a tenant saves (D5).
    #[must_use]
    pub fn egress(&self) -> &EgressPolicy {
        &self.http.dialer.egress
    }

    /// Why nothing can be delivered to `destination`, in words for its owner: the operator has not set up what it needs.
    #[must_use]
    pub fn unready(&self, destination: &Destination) -> Option<&'static str> {
        match destination {
            Destination::Email(_) if self.mailer.is_none() => Some(NO_MAIL),
            Destination::Email(_) | Destination::Webhook(_) | Destination::Sftp(_) | Destination::Slack(_) | Destination::S3(_) => None,
        }
    }

    /// Makes one attempt. Picks by destination; never panics; every phase has a deadline.
    pub async fn deliver(&self, destination: &Destination, parcel: &Parcel, now: Timestamp) -> Delivered {
        self.deliver_in_turn(destination, parcel, now, &()).await
    }

    /// The same; `watch` hears when it has its turn. Only mail waits for one here.
    pub async fn deliver_in_turn(&self, destination: &Destination, parcel: &Parcel, now: Timestamp, watch: &dyn TurnWatch) -> Delivered {
        if destination.email().is_none() {
            watch.has_turn();
        }
        let attempt = async {
            match destination {
                Destination::Email(_) => match &self.mailer {
                    Some(mailer) => mailer.deliver_in_turn(parcel, now, watch).await,
                    None => rejected(NO_MAIL).into(),
                },
                Destination::Webhook(settings) => {
                    WebhookDeliverer { settings, http: &self.http, total: self.deadlines.webhook }.deliver(parcel, now).await
                }
                Destination::Sftp(settings) => {
                    SftpDeliverer { settings, dialer: &self.ssh, deadlines: self.deadlines }.deliver(parcel, now).await
                }
                Destination::Slack(settings) => match &self.slack {
                    Some(slack) => SlackDeliverer { settings, slack }.deliver(parcel, now).await,
                    None => rejected(NO_SLACK).into(),
                },
                Destination::S3(settings) => match &self.s3 {
                    Some(store) => ObjectStoreDeliverer { settings, store }.deliver(parcel, now).await,
                    None => rejected(NO_S3).into(),
                },
            }
        };
        let delivered = AssertUnwindSafe(attempt).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!(delivery = %parcel.delivery_id, destination = destination.kind().as_str(), "a deliverer panicked");
            retry("internal error while delivering").into()
        });
        tracing::debug!(
            delivery = %parcel.delivery_id,
            destination = destination.kind().as_str(),
            outcome = ?delivered.outcome,
            "attempted"
        );
        delivered
    }

    /// Goes as far as one can without delivering anything: connects, and shows who we are where the protocol has a login. Accepted says how far it
    /// came; whether something may be delivered is known only by delivering it.
    pub async fn reach(&self, destination: &Destination, now: Timestamp) -> Outcome {
        let reached = async {
            match destination {
                Destination::Email(_) => match &self.mailer {
                    Some(mailer) => mailer.reach(now).await,
                    None => rejected(NO_MAIL),
                },
                Destination::Webhook(settings) => {
                    WebhookDeliverer { settings, http: &self.http, total: self.deadlines.webhook }.reach().await
                }
                Destination::Sftp(settings) => SftpDeliverer { settings, dialer: &self.ssh, deadlines: self.deadlines }.reach().await,
                Destination::Slack(_) => match &self.slack {
                    Some(slack) => slack.reach(now).await,
                    None => rejected(NO_SLACK),
                },
                Destination::S3(settings) => match &self.s3 {
                    Some(store) => ObjectStoreDeliverer { settings, store }.reach(now).await,
                    None => rejected(NO_S3),
                },
            }
        };
        AssertUnwindSafe(reached).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!(destination = destination.kind().as_str(), "a deliverer panicked");
            retry("internal error while connecting")
        })
    }
}
