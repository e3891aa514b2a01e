//! Both forms of a mail for one reader: what the renderer made, or plain text, with this mail's values in its places.

use std::borrow::Cow;

use pressrun_domain::delivery::Message;
use pressrun_domain::mail::{Filling, MailWords};

/// Content id of the picture, without angle brackets (RFC 2392).
pub(super) const PICTURE_ID: &str = "dashboard";

/// Both forms, filled.
pub(super) struct Words {
    pub(super) text: String,
    pub(super) html: String,
}

/// The words of `message`, with the picture if it is sent along, and with a note.
pub(super) fn filled(message: &Message, picture: bool, note: Option<&str>) -> Words {
    let words = match &message.words {
        Some(words) => Cow::Borrowed(words),
        None => Cow::Owned(MailWords::plain(&message.text)),
    };
    let address = format!("cid:{PICTURE_ID}");
    let filling =
        Filling { link: message.link.as_deref(), unsubscribe: message.unsubscribe.as_deref(), picture: picture.then_some(&address), note };
    Words { text: words.text(&filling), html: words.html(&filling) }
}
