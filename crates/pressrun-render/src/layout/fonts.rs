//! The fonts of pages: Noto Sans, an emoji and a code face from crates, then the folders of the configuration.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use typst::foundations::Bytes;
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;

/// How deep folders are searched (`/usr/share/fonts/opentype/noto`).
const DEPTH: usize = 4;

/// The word of the configuration that stands for the machine's own Noto fonts.
const SYSTEM: &str = "system";

/// Where systems keep fonts.
const SYSTEM_FOLDERS: [&str; 6] = [
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/run/current-system/sw/share/X11/fonts",
    "/Library/Fonts",
    "/System/Library/Fonts",
    "C:\\Windows\\Fonts",
];

/// Regular, bold, italic and bold italic of Noto Sans, then the emoji and the face of code.
const BUILT_IN: [&[u8]; 6] = [
    notosans::REGULAR_TTF,
    notosans::BOLD_TTF,
    notosans::ITALIC_TTF,
    notosans::BOLD_ITALIC_TTF,
    epaint_default_fonts::NOTO_EMOJI_REGULAR,
    epaint_default_fonts::HACK_REGULAR,
];

/// Fonts of these places are asked for what Noto Sans does not have.
pub(super) const FALLBACKS: usize = 4;

/// Every font at hand, the built-in ones first.
pub(super) struct Fonts {
    pub(super) book: LazyHash<FontBook>,
    pub(super) fonts: Vec<Font>,
}

/// The last set, since a process renders with one configuration.
static LAST: Mutex<Option<(Vec<PathBuf>, Arc<Fonts>)>> = Mutex::new(None);

/// The built-in fonts and those in `folders`; files that are no fonts are passed over.
///
/// A folder named `system` stands for the Noto fonts in the usual folders of the machine: only those, and sorted by name, so
/// that machines with the same packages draw the same.
pub(super) fn load(folders: &[PathBuf]) -> Arc<Fonts> {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, fonts)) = last.as_ref()
        && of == folders
    {
        return fonts.clone();
    }
    let mut fonts: Vec<Font> = BUILT_IN.into_iter().filter_map(|bytes| Font::new(Bytes::new(bytes), 0)).collect();
    for file in folders.iter().flat_map(|folder| files(folder, &SYSTEM_FOLDERS)) {
        if let Ok(bytes) = std::fs::read(&file) {
            fonts.extend(Font::iter(Bytes::new(bytes)));
        }
    }
    let book = LazyHash::new(FontBook::from_fonts(&fonts));
    let fonts = Arc::new(Fonts { book, fonts });
    *last = Some((folders.to_vec(), fonts.clone()));
    fonts
}

/// The font files that one entry of the configuration names, in the order in which they are preferred.
fn files(entry: &Path, system: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    if entry != Path::new(SYSTEM) {
        gather(entry, DEPTH, &mut files);
        return files;
    }
    for folder in system {
        gather(Path::new(folder), DEPTH, &mut files);
    }
    let name = |file: &PathBuf| file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    files.retain(|file| is_needed_noto(&name(file)));
    // The same font in two folders counts once; where it lies does not change the order.
    files.sort_by_cached_key(name);
    files.dedup_by_key(|file| name(file));
    files
}

/// Whether a file of the system is a regular or bold Noto face of a script, or its emoji: not the other weights, which nothing asks for.
fn is_needed_noto(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("NotoSans").or_else(|| name.strip_prefix("NotoColorEmoji").map(|_| "-Regular.")) else {
        return false;
    };
    let weight = rest.split(['-', '.']).nth(1).unwrap_or("");
    matches!(weight, "Regular" | "Bold" | "VF") || rest.contains('[')
}

/// Font files below `folder`, sorted, so that every machine prefers the same one.
fn gather(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if depth > 0 {
                gather(&path, depth - 1, files);
            }
        } else if path
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| ["ttf", "otf", "ttc", "otc"].iter().any(|known| known.eq_ignore_ascii_case(extension)))
        {
            files.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_font_is_one() {
        let fonts = load(&[]);
        let families: Vec<&str> = fonts.fonts.iter().map(|font| font.info().family.as_str()).collect();
        assert_eq!(families, ["Noto Sans", "Noto Sans", "Noto Sans", "Noto Sans", "Noto Emoji", "Hack"]);
    }

    #[test]
    fn system_stands_for_the_noto_fonts_in_one_order_wherever_they_lie() {
        let root = tempfile::tempdir().unwrap();
        for file in [
            "a/NotoSansCJK-Regular.ttc",
            "a/NotoSansArabic-Bold.ttf",
            "a/NotoSansArabic-ExtraLight.ttf",
            "a/Arial.ttf",
            "b/NotoColorEmoji.ttf",
            "b/NotoSansCJK-Regular.ttc",
            "b/readme.txt",
        ] {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let folders = ["a", "b", "none"].map(|folder| root.path().join(folder).to_string_lossy().into_owned());
        let [a, b, none] = folders.each_ref().map(String::as_str);
        for order in [[a, b, none], [none, b, a]] {
            let found = files(Path::new("system"), &order);
            let names: Vec<_> = found.iter().filter_map(|file| file.file_name()?.to_str()).collect();
            assert_eq!(names, ["NotoColorEmoji.ttf", "NotoSansArabic-Bold.ttf", "NotoSansCJK-Regular.ttc"]);
        }
        assert_eq!(files(Path::new(a), &[]).len(), 4, "a folder is taken as it is");
    }
}
