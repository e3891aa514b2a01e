//! Who answers for a delivery: destinations that hang together when one machine hangs.

use super::{Destination, Host, WebhookSettings};

impl Destination {
    /// What takes deliveries to it, by a name that all destinations share which the same machine or service takes: the relay of all mail,
    /// Slack, a bucket, a host and port. It tells no secret.
    #[must_use]
    pub fn receiver(&self) -> String {
        match self {
            Self::Email(_) => "mail".to_owned(),
            Self::Slack(_) => "slack".to_owned(),
            Self::Webhook(webhook) => of_webhook(webhook),
            Self::Sftp(sftp) => {
                // What does not parse is refused by the carrier before it connects.
                let host = Host::of_sftp_address(&sftp.address).map_or_else(|_| sftp.address.clone(), |host| host.to_string());
                format!("sftp {host}:{}", sftp.port)
            }
            Self::S3(s3) => format!("s3 {}", s3.bucket_name),
        }
    }
}

fn of_webhook(webhook: &WebhookSettings) -> String {
    format!("webhook {}", webhook.origin())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{EmailSettings, S3Settings, SftpSettings};
    use crate::sftp_quirks::SftpQuirks;

    fn webhook(address: &str) -> Destination {
        Destination::Webhook(WebhookSettings::new(address, Vec::new()))
    }

    fn sftp(address: &str, port: u16) -> Destination {
        Destination::Sftp(SftpSettings {
            address: address.to_owned(),
            port,
            username: "reports".to_owned(),
            password: None,
            private_key: None,
            passphrase: None,
            path: None,
            host_key: None,
            quirks: SftpQuirks::default(),
        })
    }

    #[test]
    fn h4_what_one_machine_takes_has_one_name_and_what_another_takes_has_another() {
        assert_eq!(webhook("https://hooks.example/one?key=1").receiver(), webhook("https://HOOKS.example/two").receiver());
        assert_ne!(webhook("https://hooks.example/one").receiver(), webhook("https://hooks.example:8443/one").receiver());
        assert_ne!(webhook("https://hooks.example/one").receiver(), webhook("https://other.example/one").receiver());
        assert!(!webhook("https://hooks.example/secret").receiver().contains("secret"), "the path may be a key");
        assert_eq!(sftp("sftp://Files.example", 22).receiver(), sftp("files.example", 22).receiver());
        assert_ne!(sftp("files.example", 22).receiver(), sftp("files.example", 2222).receiver());
        let bucket = |name: &str| {
            let none = String::new();
            let (bucket_name, region, role_arn) = (name.to_owned(), none.clone(), none);
            Destination::S3(S3Settings { bucket_name, region, role_arn, key_prefix: None, filename: None })
        };
        assert_ne!(bucket("one").receiver(), bucket("two").receiver());
        assert_eq!(Destination::Email(EmailSettings::default()).receiver(), "mail", "all of it goes through one relay");
    }
}
