//! What the use cases say of a body, in the words of the form: their sentences name fields and calls of the API, which nobody sees here.

/// Words of the API, and what the form calls it.
const WORDS: [(&str, &str); 7] = [
    ("fanOut sends each their own data", "with a personal copy each gets their own data"),
    ("personal copies (fanOut)", "personal copies"),
    (
        "add-recipients, or recipients in a later update, says who of them may have what the owner may see",
        "take them off the list, save, and put them on again if they may have what the owner may see",
    ),
    ("the first of recipients, cc and bcc counts", "the first of Recipients, Cc and Bcc counts"),
    ("filter overrides were dropped: ", "filters were taken out: "),
    ("subject is sent as typed: ", "The subject is sent as typed: "),
    ("textBody is sent as typed: ", "The message is sent as typed: "),
];

/// The same, as it is said beside the form.
pub(super) fn plainly(text: &str) -> String {
    WORDS.iter().fold(text.to_owned(), |text, (theirs, ours)| if text.contains(theirs) { text.replace(theirs, ours) } else { text })
}
