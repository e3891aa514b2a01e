//! What a mail server says (RFC 5321 §4.2), and what it offers (RFC 1870, 3207, 4954, 6152, 6531).

use std::fmt;

/// A whole answer: one code, one or more lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) lines: Vec<String>,
}

/// One line of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReplyLine {
    pub(super) code: u16,
    pub(super) text: String,
    pub(super) is_last: bool,
}

impl ReplyLine {
    /// `250-text`, `250 text` or `250`; `None` for anything else.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (digits, rest) = line.split_at_checked(3)?;
        if !digits.iter().all(u8::is_ascii_digit) || !(b'2'..=b'5').contains(&digits[0]) {
            return None;
        }
        let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        let (is_last, text) = match rest.split_first() {
            None => (true, rest),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return None,
        };
        Some(Self { code, text: String::from_utf8_lossy(text).into_owned(), is_last })
    }
}

impl Reply {
    /// 2xx: done.
    pub(super) fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// 5xx: the same request will not be taken later either.
    pub(super) fn is_final(&self) -> bool {
        self.code >= 500
    }

    /// 4xx that says that there are too many of us: connections, or mails in a time. How servers say it: Postfix and Exim "too many
    /// connections", Exchange Online 4.3.2 "concurrent connections limit exceeded", SES "maximum sending rate exceeded", Gmail 4.7.28 and
    /// 4.5.3 "rate limit".
    pub(super) fn is_about_crowd(&self) -> bool {
        let text = self.lines.join(" ").to_ascii_lowercase();
        let connections = text.contains("connection") || text.contains("session");
        let too_many = ["too many", "limit", "exceed", "concurrent", "maximum"].iter().any(|words| text.contains(words));
        let rate = ["rate limit", "rate exceeded", "sending rate", "throttl", "too many messages", "too many mails", "too fast"];
        (400..500).contains(&self.code) && (connections && too_many || rate.iter().any(|words| text.contains(words)))
    }

    /// 4xx that may mean that this connection has carried enough mails, and that another one goes on: OpenSMTPD "452 4.5.3 Too many messages
    /// sent", Exim "421 too many messages in this connection".
    pub(super) fn is_about_messages(&self) -> bool {
        let text = self.lines.join(" ").to_ascii_lowercase();
        let messages = ["messages", "mails", "transactions"].iter().any(|word| text.contains(word));
        let too_many = ["too many", "limit", "maximum"].iter().any(|words| text.contains(words));
        (400..500).contains(&self.code) && messages && too_many
    }

    /// Whether it was put off as greylisting does it: the same mail is taken when it comes again, after some minutes.
    pub(super) fn is_put_off(&self) -> bool {
        matches!(self.code, 450..=452)
    }

    /// Whether the relay wants to know first who we are, or by which way we come: 530, 534, 535, 538 and their like at any phase (RFC 4954 §6).
    pub(super) fn is_about_login(&self) -> bool {
        matches!(self.code, 530 | 534 | 535 | 538)
    }

    /// Whether the message was too big for this server or this mailbox's limit: 552 without a word about quota, or RFC 3463 §3.3, §3.4.
    pub(super) fn is_about_size(&self) -> bool {
        let first = self.lines.first().map(String::as_str).unwrap_or_default();
        let enhanced = first.split_whitespace().next().unwrap_or_default();
        match enhanced {
            "5.3.4" | "5.2.3" => true,
            "5.2.2" => false,
            _ => self.code == 552,
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.lines.join(" "))
    }
}

/// Extensions that matter to us, as `EHLO` lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offers {
    pub(super) start_tls: bool,
    pub(super) smtp_utf8: bool,
    pub(super) eight_bit_mime: bool,
    /// Whether `SIZE` is understood (RFC 1870).
    pub(super) size: bool,
    /// Largest message in bytes, when the server says so.
    pub(super) size_max: Option<u64>,
    pub(super) auth_plain: bool,
    pub(super) auth_login: bool,
    pub(super) auth_xoauth2: bool,
    pub(super) auth_oauthbearer: bool,
}

impl Offers {
    pub(super) fn of(hello: &Reply) -> Self {
        let mut offers = Self::default();
        for line in hello.lines.iter().skip(1) {
            // Some old servers write `AUTH=PLAIN`.
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty()).map(str::to_ascii_uppercase);
            match words.next().as_deref() {
                Some("STARTTLS") => offers.start_tls = true,
                Some("SMTPUTF8") => offers.smtp_utf8 = true,
                Some("8BITMIME") => offers.eight_bit_mime = true,
                Some("SIZE") => {
                    offers.size = true;
                    offers.size_max = words.next().and_then(|bytes| bytes.parse().ok()).filter(|bytes| *bytes > 0);
                }
                Some("AUTH") => {
                    for mechanism in words {
                        offers.auth_plain |= mechanism == "PLAIN";
                        offers.auth_login |= mechanism == "LOGIN";
                        offers.auth_xoauth2 |= mechanism == "XOAUTH2";
                        offers.auth_oauthbearer |= mechanism == "OAUTHBEARER";
                    }
                }
                _ => {}
            }
        }
        offers
    }
}

impl fmt::Display for Offers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.start_tls, "STARTTLS"),
            (self.auth_plain, "AUTH PLAIN"),
            (self.auth_login, "AUTH LOGIN"),
            (self.auth_xoauth2, "AUTH XOAUTH2"),
            (self.auth_oauthbearer, "AUTH OAUTHBEARER"),
            (self.smtp_utf8, "SMTPUTF8"),
        ];
        let offered: Vec<&str> = words.into_iter().filter(|(is_offered, _)| *is_offered).map(|(_, word)| word).collect();
        if offered.is_empty() {
            f.write_str("the server offers nothing of use")?;
        } else {
            write!(f, "the server offers {}", offered.join(", "))?;
        }
        self.size_max.map_or(Ok(()), |bytes| write!(f, "; mails of at most {bytes} bytes"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reply_line_is_a_code_a_mark_and_a_text() {
        let line = |code, text: &str, is_last| Some(ReplyLine { code, text: text.to_owned(), is_last });
        for (text, expected) in [
            ("250 ok\r\n", line(250, "ok", true)),
            ("250-SIZE 10\r\n", line(250, "SIZE 10", false)),
            ("354\n", line(354, "", true)),
            ("550 5.1.1 no\u{7} such\r\n", line(550, "5.1.1 no\u{7} such", true)),
            ("650 no such class", None),
            ("99 short", None),
            ("2x0 ok", None),
            ("250_ok", None),
            ("HTTP/1.1 200 OK\r\n", None),
            ("SSH-2.0-OpenSSH", None),
            ("", None),
        ] {
            assert_eq!(ReplyLine::parse(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn offers_are_read_in_any_case_and_the_name_of_the_server_is_none() {
        let hello = |lines: &[&str]| Reply { code: 250, lines: lines.iter().map(|line| (*line).to_owned()).collect() };
        let offers = Offers::of(&hello(&["mail STARTTLS", "size 1000", "Smtputf8", "AUTH=LOGIN", "AUTH PLAIN XOAUTH2", "8BITMIME"]));
        let expected = Offers {
            start_tls: false,
            smtp_utf8: true,
            eight_bit_mime: true,
            size: true,
            size_max: Some(1000),
            auth_plain: true,
            auth_login: true,
            auth_xoauth2: true,
            auth_oauthbearer: false,
        };
        assert_eq!(offers, expected);
        assert_eq!(Offers::of(&hello(&["STARTTLS"])), Offers::default());
        assert_eq!(Offers::of(&hello(&["mail", "SIZE 0"])).size_max, None, "RFC 1870: 0 is no fixed limit");
        assert_eq!(Offers::of(&hello(&["mail", "SIZE many"])).size_max, None);
    }

    #[test]
    fn d12_a_message_that_is_too_big_is_told_from_a_full_mailbox() {
        for (code, text, expected) in [
            (552, "too big", true),
            (552, "5.3.4 message size exceeds fixed limit", true),
            (552, "5.2.2 mailbox full", false),
            (550, "5.2.3 message larger than your limit", true),
            (550, "5.1.1 no such user", false),
            (554, "5.3.4 Message too big for system", true),
            (452, "4.2.2 mailbox full", false),
        ] {
            let reply = Reply { code, lines: vec![text.to_owned()] };
            assert_eq!(reply.is_about_size(), expected, "{code} {text}");
        }
    }

    #[test]
    fn h6_too_many_of_us_is_told_from_other_trouble() {
        for (code, text, expected) in [
            (421, "4.7.0 mail.example Error: too many connections from 192.0.2.1", true),
            (421, "Too many concurrent SMTP connections; please try again later.", true),
            (432, "4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending", true),
            (454, "Throttling failure: Maximum sending rate exceeded.", true),
            (450, "4.7.1 Error: too many messages from 192.0.2.1", true),
            (451, "4.7.1 Too many messages, slow down", true),
            (421, "4.7.0 Try again later, closing connection. (EHLO)", false),
            (421, "4.3.0 shutting down", false),
            (451, "4.7.1 Greylisted, please try again in 300 seconds", false),
            (452, "4.2.2 mailbox full", false),
            (550, "5.7.1 too many connections", false),
        ] {
            let reply = Reply { code, lines: vec![text.to_owned()] };
            assert_eq!(reply.is_about_crowd(), expected, "{code} {text}");
        }
    }

    #[test]
    fn h6_a_connection_that_carried_enough_is_told_from_other_trouble() {
        for (code, text, expected) in [
            (452, "4.5.3 Too many recipients: Too many messages sent", true),
            (421, "too many messages in this connection", true),
            (421, "4.7.0 Maximum number of mail transactions reached", true),
            (421, "4.7.0 relay.example Error: too many connections from 192.0.2.1", false),
            (451, "4.7.1 Greylisted, please try again in 300 seconds", false),
            (452, "4.2.2 mailbox full", false),
            (550, "5.7.1 too many messages", false),
        ] {
            let reply = Reply { code, lines: vec![text.to_owned()] };
            assert_eq!(reply.is_about_messages(), expected, "{code} {text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_of_replies_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(line) = ReplyLine::parse(&bytes) {
                prop_assert!((200..600).contains(&line.code));
                let _ = Offers::of(&Reply { code: line.code, lines: vec![line.text.clone(), line.text] });
            }
        }
    }
}
