//! A channel or people in Slack.

use pressrun_domain::destination::{Destination, SlackId, SlackRecipientType, SlackSettings};

use super::super::error::AppError;
use super::super::given::{Fields, Given};
use super::needed;

/// Reads the fields over what is stored.
pub(super) fn read(fields: Fields<'_>, stored: Option<&Destination>) -> Result<SlackSettings, AppError> {
    let stored = if let Some(Destination::Slack(slack)) = stored { Some(slack) } else { None };
    let kinds = [SlackRecipientType::Channel, SlackRecipientType::Users];
    let given = fields.word("slackRecipientType", &kinds, SlackRecipientType::as_str)?;
    let recipient_type = needed("slackRecipientType", given, stored.map(|slack| slack.recipient_type))?;
    let kept = stored.filter(|slack| slack.recipient_type == recipient_type).map(|slack| slack.recipients.clone());
    let listed = match fields.texts("recipients")? {
        Given::Value(texts) => Given::Value(ids(recipient_type, &texts)?),
        Given::Null => Given::Null,
        Given::Absent => Given::Absent,
    };
    let recipients: Vec<String> = needed("recipients", listed, kept)?;
    if recipients.is_empty() {
        return Err(AppError::field("recipients", "Array must contain at least 1 element(s)"));
    }
    if recipient_type == SlackRecipientType::Channel && recipients.len() > 1 {
        return Err(AppError::field("recipients", "Array must contain at most 1 element(s) for a channel"));
    }
    let text_body = fields.text("textBody")?.over(stored.and_then(|slack| slack.text_body.clone()));
    Ok(SlackSettings { recipient_type, recipients, text_body })
}

/// The ids in a list, or in texts that part them by commas; each once.
fn ids(kind: SlackRecipientType, texts: &[String]) -> Result<Vec<String>, AppError> {
    let parts = texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|id| !id.is_empty());
    let mut seen = std::collections::HashSet::new();
    let parsed = parts.filter(|id| seen.insert(*id)).map(|id| SlackId::parse(kind, id).map(|id| id.as_str().to_owned()));
    parsed.collect::<Result<_, _>>().map_err(|fault| AppError::field("recipients", fault.to_string()))
}
