//! Secrets: `${NAME}` in a text, or the content of a file.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pressrun_domain::secret::Secret;

use crate::files::Field;
use crate::load::LoadOptions;
use crate::open::{NotOpened, plain_file};
use crate::problem::{Place, Report, printable};
use crate::rules::CatalogRules;

/// A secret and whether it was written in plain text, without `${…}`.
pub(super) struct Found {
    pub(super) secret: Secret,
    pub(super) literal: bool,
    pub(super) place: Place,
}

/// Reads `key` or `key_file`, of which exactly one must be written.
pub(super) fn secret(
    key: &str,
    (text, file): (&Field<String>, &Field<String>),
    parent: Place,
    (root, options, report): (&Path, LoadOptions<'_>, &Report<'_>),
) -> Option<Found> {
    match (text, file) {
        (Field::Absent, Field::Absent) => {
            report.add(
                parent,
                format!("`{key}` is missing"),
                format!("write `{key}: ${{NAME}}` for an environment variable, or `{key}_file: path`"),
            );
            None
        }
        (Field::Given(_, place), Field::Given(..)) => {
            report.add(*place, format!("both `{key}` and `{key}_file` are written"), "keep one of them");
            None
        }
        (Field::Given(text, place), _) => {
            let (value, literal) = interpolate(text, *place, options, report)?;
            Some(Found { secret: Secret::new(value), literal, place: *place })
        }
        (_, Field::Given(path, place)) => {
            let value = read(root, path, *place, options, report)?;
            Some(Found { secret: Secret::new(value), literal: false, place: *place })
        }
        (Field::Invalid(_), _) | (_, Field::Invalid(_)) => None,
    }
}

/// A setting that may come from the environment but is no secret; `None` where it is not written or not right.
pub(super) fn setting(field: &Field<String>, (_, options, report): (&Path, LoadOptions<'_>, &Report<'_>)) -> Option<String> {
    let (text, place) = field.placed()?;
    interpolate(text, place, options, report).map(|(value, _)| value)
}

fn read(root: &Path, written: &str, place: Place, options: LoadOptions<'_>, report: &Report<'_>) -> Option<String> {
    const BYTES_MAX: u64 = 64 * 1024;
    let full = root.join(written);
    // Also one that is not there: it is looked for again.
    report.reads(&full);
    if !options.require_secrets && !full.exists() {
        return Some(String::new());
    }
    let folders = options.rules.folders_of_secrets(root);
    let mut text = String::new();
    let read = plain_file(&full, folders.as_deref()).and_then(|file| Ok(file.take(BYTES_MAX).read_to_string(&mut text)?));
    match read {
        Ok(_) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(why) => {
            note(&why, written, place, report);
            None
        }
    }
}

/// Where the file is that `written` names, when the catalog may read it. Whoever needs it reads it later, as the server.
pub(super) fn file(root: &Path, written: &str, place: Place, options: LoadOptions<'_>, report: &Report<'_>) -> Option<PathBuf> {
    let full = root.join(written);
    // It may lead elsewhere by then.
    report.reads(&full);
    if !options.require_secrets && !full.exists() {
        return Some(full);
    }
    let opened = plain_file(&full, options.rules.folders_of_secrets(root).as_deref());
    opened.inspect_err(|why| note(why, written, place, report)).ok().map(|_| full)
}

/// Whether the file at this path may be read, as it is now.
pub(super) fn is_open(root: &Path, path: &Path, rules: &CatalogRules) -> bool {
    plain_file(path, rules.folders_of_secrets(root).as_deref()).is_ok()
}

fn note(why: &NotOpened, written: &str, place: Place, report: &Report<'_>) {
    let quoted = printable(written);
    match why {
        NotOpened::Io(error) => report.add(place, format!("the file `{quoted}` cannot be read: {error}"), "check its path and rights"),
        NotOpened::Folder | NotOpened::NotPlain => {
            report.add(place, format!("the file `{quoted}` cannot be read: not a plain file"), "check its path and rights");
        }
        NotOpened::Outside => report.add(
            place,
            format!("the file `{quoted}` is not in a folder that the catalog may read"),
            "move it into the catalog, or let the operator add its folder to [catalog] secret_folders",
        ),
    }
}

/// Replaces each `${NAME}`; the flag says that there was none.
fn interpolate(text: &str, place: Place, options: LoadOptions<'_>, report: &Report<'_>) -> Option<(String, bool)> {
    let mut out = String::new();
    let mut rest = text;
    let mut literal = true;
    let mut complete = true;
    while let Some((before, after)) = rest.split_once("${") {
        literal = false;
        out.push_str(before);
        let Some((name, after)) = after.split_once('}').filter(|(name, _)| is_variable(name)) else {
            report.add(place, "`${` is not followed by a variable's name and `}`", "write `${NAME}` with capital letters, digits and `_`");
            return None;
        };
        if !options.rules.opens_variable(name) {
            report.add(
                place,
                format!("environment variable `{name}` is not open to the catalog"),
                if name.starts_with("PRESSRUN_") {
                    "choose another name; variables of the server itself are never open".to_owned()
                } else {
                    format!("let the operator add `{name}` to [catalog] environment, or use the `_file` form")
                },
            );
            complete = false;
            rest = after;
            continue;
        }
        match (options.environment)(name) {
            Some(value) if is_login(&out, after) => out.push_str(&in_login(&value)),
            Some(value) => out.push_str(&value),
            None if !options.require_secrets => {}
            None => {
                report.add(
                    place,
                    format!("environment variable `{name}` is not set"),
                    format!("set {name} for the server, or use the `_file` form"),
                );
                complete = false;
            }
        }
        rest = after;
    }
    out.push_str(rest);
    complete.then_some((out, literal))
}

/// Whether what stands between these two parts of a text is the user or the password of an address.
fn is_login(before: &str, after: &str) -> bool {
    let authority = |text: &str| text.split_once("://").is_some_and(|(_, rest)| !rest.contains(['/', '?', '#', '@']));
    authority(before) && after.split(['/', '?', '#']).next().is_some_and(|rest| rest.contains('@'))
}

/// A value as it is written in the login of an address: a password with `@` or `/` would otherwise end it. One that is written in that way
/// already stays as it is.
fn in_login(value: &str) -> String {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    let mut parts = value.split('%');
    let is_plain = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=".contains(&b));
    let is_escape = |part: &str| part.len() >= 2 && part.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    let is_written = value.contains('%') && parts.next().is_some_and(is_plain) && parts.all(|part| is_escape(part) && is_plain(part));
    if is_written { value.to_owned() } else { utf8_percent_encode(value, PLAIN).to_string() }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::{in_login, is_login};

    #[test]
    fn a12_a_variable_in_the_login_is_written_as_an_address_has_it() {
        for (value, expected) in [
            ("plain-1_2.~", "plain-1_2.~"),
            ("p@ss/w#rd", "p%40ss%2Fw%23rd"),
            ("100%", "100%25"),
            ("a%zz", "a%25zz"),
            ("p%40ss!", "p%40ss!"),
            ("ä b", "%C3%A4%20b"),
        ] {
            assert_eq!(in_login(value), expected, "{value}");
        }
        for (before, after, expected) in [
            ("postgres://app:", "@127.0.0.1/x", true),
            ("postgres://", ":secret@db/x", true),
            ("postgres://app@", "/x", false),
            ("postgres://app@db/", "?a=b@c", false),
            ("", "", false),
        ] {
            assert_eq!(is_login(before, after), expected, "{before} {after}");
        }
    }
}
