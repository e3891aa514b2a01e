//! Under which names a file is written.

use pressrun_domain::sftp_quirks::{SftpQuirks, UploadMode};

/// Bytes of a file's name that go into a temporary one, so that the whole stays under the 255 that file systems take.
const NAME_BYTES_MAX: usize = 200;

/// The names of one upload, as paths on the server.
pub(super) struct Names {
    /// Where the file ends up.
    pub(super) target: String,
    /// What is written, in the order to try them; the target itself when it is written directly.
    pub(super) written: Vec<String>,
}

impl Names {
    /// `mark` is made from the idempotency key: a repeated attempt overwrites its own unfinished file and nobody else's.
    pub(super) fn of(folder: Option<&str>, name: &str, mark: &str, quirks: &SftpQuirks) -> Self {
        let at = |name: &str| match folder {
            Some(folder) => format!("{}/{name}", folder.strip_suffix('/').unwrap_or(folder)),
            None => name.to_owned(),
        };
        let mut end = name.len().min(NAME_BYTES_MAX);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let short = &name[..end];
        let target = at(name);
        let written = match (quirks.upload_mode, &quirks.temporary_name) {
            (UploadMode::Direct, _) => vec![target.clone()],
            (UploadMode::Rename, Some(pattern)) => vec![at(&pattern.fill(short, mark))],
            // Most partners' jobs pass over names that begin with a dot, and some servers refuse them.
            (UploadMode::Rename, None) => vec![at(&format!(".{short}.{mark}.part")), at(&format!("{short}.{mark}.part"))],
        };
        Self { target, written }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f14_a_temporary_name_has_a_second_choice_and_follows_a_pattern() {
        let names = |quirks: SftpQuirks| Names::of(Some("in/"), "Umsätze.csv", "0a1b", &quirks);
        let usual = names(SftpQuirks::default());
        assert_eq!(usual.target, "in/Umsätze.csv");
        assert_eq!(usual.written, ["in/.Umsätze.csv.0a1b.part", "in/Umsätze.csv.0a1b.part"]);
        let pattern = Some("tmp-{mark}-{name}.tmp".parse().expect("a pattern"));
        assert_eq!(names(SftpQuirks { temporary_name: pattern.clone(), ..SftpQuirks::default() }).written, ["in/tmp-0a1b-Umsätze.csv.tmp"]);
        let direct = SftpQuirks { upload_mode: UploadMode::Direct, temporary_name: pattern, ..SftpQuirks::default() };
        assert_eq!(names(direct).written, ["in/Umsätze.csv"]);
        let long = Names::of(None, &"ä".repeat(120), "0a1b", &SftpQuirks::default());
        assert!(long.written.iter().all(|name| name.len() <= 255), "{long:?}", long = long.written);
    }
}
