//! A webhook: its secrets and its login stay only with the origin they were given for (D13, M7).

use pressrun_domain::destination::{Destination, WebhookSettings, WebhookUrl};

use super::super::error::AppError;
use super::super::given::{Fields, Given};
use super::{SECRET_BYTES, bounded_secret, parsed};

/// Signing secrets that may stand at once: the present one, and the one that it replaces.
const SECRETS_MAX: usize = 2;

/// Reads the fields over what is stored.
pub(super) fn read(fields: Fields<'_>, stored: Option<&Destination>) -> Result<WebhookSettings, AppError> {
    let stored = if let Some(Destination::Webhook(webhook)) = stored { Some(webhook) } else { None };
    let name = if fields.raw("url").is_given() { "url" } else { "webhookUrl" };
    let given = fields.filled(name)?;
    let url = parsed("url", &given, str::parse::<WebhookUrl>)?;
    let before = stored.and_then(|webhook| webhook.address().ok());
    let moved = match (&url, stored, &given) {
        (None, None, _) | (None, _, Given::Null) => return Err(AppError::required("url")),
        (None, Some(_), _) | (Some(_), None, _) => false,
        (Some(url), Some(_), _) => before.as_ref().is_none_or(|before| before.origin() != url.origin()),
    };
    let secrets = match fields.texts("webhookSecretUnencrypted")? {
        Given::Value(texts) if texts.len() > SECRETS_MAX => {
            return Err(AppError::field("webhookSecretUnencrypted", "Array must contain at most 2 element(s)"));
        }
        Given::Value(texts) => {
            let each = texts.into_iter().map(|text| bounded_secret("webhookSecretUnencrypted", text, SECRET_BYTES));
            each.collect::<Result<_, _>>()?
        }
        Given::Null => Vec::new(),
        Given::Absent => match stored {
            Some(webhook) if moved && !webhook.secrets.is_empty() => {
                return Err(AppError::field(
                    "webhookSecretUnencrypted",
                    "Required: scheme, host or port of the address changed, and the stored secret signs only for the receiver that it was \
                     given for; give the new receiver's secret, or null to send unsigned",
                ));
            }
            Some(webhook) => webhook.secrets.clone(),
            None => Vec::new(),
        },
    };
    Ok(match (url, before, stored) {
        (Some(url), Some(before), _) => WebhookSettings::new(url.with_login_of(&before).expose(), secrets),
        (Some(url), None, _) => WebhookSettings::new(url.expose(), secrets),
        (None, _, Some(webhook)) => webhook.clone().with_secrets(secrets),
        (None, _, None) => return Err(AppError::required("url")),
    })
}
