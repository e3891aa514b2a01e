//! The fonts of pages: Noto Sans from a crate, then the folders of the configuration.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use typst::foundations::Bytes;
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;

/// How deep folders are searched (`/usr/share/fonts/opentype/noto`).
const DEPTH: usize = 4;

/// Every font at hand; the first four are Noto Sans regular, bold, italic and bold italic.
pub(super) struct Fonts {
    pub(super) book: LazyHash<FontBook>,
    pub(super) fonts: Vec<Font>,
}

/// The last set, since a process renders with one configuration.
static LAST: Mutex<Option<(Vec<PathBuf>, Arc<Fonts>)>> = Mutex::new(None);

/// The built-in fonts and those in `folders`; files that are no fonts are passed over.
pub(super) fn load(folders: &[PathBuf]) -> Arc<Fonts> {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, fonts)) = last.as_ref()
        && of == folders
    {
        return fonts.clone();
    }
    let built_in = [notosans::REGULAR_TTF, notosans::BOLD_TTF, notosans::ITALIC_TTF, notosans::BOLD_ITALIC_TTF];
    let mut fonts: Vec<Font> = built_in.into_iter().filter_map(|bytes| Font::new(Bytes::new(bytes), 0)).collect();
    let mut files = Vec::new();
    for folder in folders {
        gather(folder, DEPTH, &mut files);
    }
    for file in files {
        if let Ok(bytes) = std::fs::read(&file) {
            fonts.extend(Font::iter(Bytes::new(bytes)));
        }
    }
    let book = LazyHash::new(FontBook::from_fonts(&fonts));
    let fonts = Arc::new(Fonts { book, fonts });
    *last = Some((folders.to_vec(), fonts.clone()));
    fonts
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
