//! A configuration file as somebody wrote it, with the line of each key.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use toml_edit::{ImDocument, Item, TableLike, Value};

use super::keys::Step;

/// A file that parses.
#[derive(Debug)]
pub(crate) struct Written {
    path: PathBuf,
    document: ImDocument<String>,
    keys: Vec<WrittenKey>,
}

/// A key, or a table, of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrittenKey {
    /// Its path.
    pub path: Vec<Step>,
    /// Line and column, from 1.
    pub at: (usize, usize),
    /// Whether keys stand below it.
    pub is_table: bool,
}

/// A file that does not parse.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoToml {
    /// Line and column, from 1.
    pub at: (usize, usize),
    /// Why.
    pub message: String,
}

impl Written {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read. What is wrong with its text is the inner error.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Result<Self, NoToml>> {
        let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
        Ok(Self::parse(path, text))
    }

    fn parse(path: &Path, text: String) -> Result<Self, NoToml> {
        let document = ImDocument::parse(text.clone()).map_err(|error| NoToml {
            at: place(&text, error.span().map_or(text.len(), |span| span.start)),
            message: error.message().lines().collect::<Vec<_>>().join("; "),
        })?;
        let mut keys = Vec::new();
        walk(document.as_table(), &[], &text, &mut keys);
        Ok(Self { path: path.to_owned(), document, keys })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Every key and table, from the top.
    pub(crate) fn keys(&self) -> &[WrittenKey] {
        &self.keys
    }

    /// Where a key, or the nearest table around it, stands.
    pub(crate) fn place(&self, path: &[Step]) -> Option<(usize, usize)> {
        (1..=path.len()).rev().find_map(|length| self.keys.iter().find(|key| key.path == path[..length])).map(|key| key.at)
    }

    /// Whether a key has a value here.
    pub(crate) fn has(&self, path: &[Step]) -> bool {
        self.keys.iter().any(|key| key.path == path)
    }

    /// The text without these keys and all that stands below them.
    pub(crate) fn without(&self, unknown: &[Vec<Step>]) -> String {
        let mut document = self.document.clone().into_mut();
        for path in unknown {
            let Some((Step::Name(last), before)) = path.split_last() else { continue };
            if let Some(table) = table_at(document.as_item_mut(), before) {
                table.remove(last);
            }
        }
        document.to_string()
    }
}

fn table_at<'a>(item: &'a mut Item, path: &[Step]) -> Option<&'a mut dyn TableLike> {
    let Some((first, rest)) = path.split_first() else { return item.as_table_like_mut() };
    match first {
        Step::Name(name) => table_at(item.as_table_like_mut()?.get_mut(name)?, rest),
        // Inline tables in a list are taken as they are: a fault in one is told where it is read.
        Step::Number(number) => {
            let table = item.as_array_of_tables_mut()?.get_mut(*number)?;
            match rest.split_first() {
                None => Some(table),
                Some((Step::Name(name), rest)) => table_at(table.get_mut(name)?, rest),
                Some((Step::Number(_), _)) => None,
            }
        }
    }
}

fn walk(table: &dyn TableLike, before: &[Step], text: &str, keys: &mut Vec<WrittenKey>) {
    for (name, item) in table.iter() {
        let span = table.get_key_value(name).and_then(|(key, _)| key.span()).or_else(|| item.span());
        note(item, Step::Name(name.to_owned()), before, span, text, keys);
    }
}

fn note(item: &Item, step: Step, before: &[Step], span: Option<Range<usize>>, text: &str, keys: &mut Vec<WrittenKey>) {
    let path: Vec<Step> = before.iter().cloned().chain([step]).collect();
    let inside = item.as_table_like();
    let at = place(text, span.or_else(|| item.span()).map_or(0, |span| span.start));
    keys.push(WrittenKey { path: path.clone(), at, is_table: inside.is_some() || item.is_array_of_tables() });
    if let Some(table) = inside {
        walk(table, &path, text, keys);
    }
    let listed: Vec<&dyn TableLike> = match item {
        Item::ArrayOfTables(tables) => tables.iter().map(|table| table as &dyn TableLike).collect(),
        Item::Value(Value::Array(values)) => {
            values.iter().filter_map(Value::as_inline_table).map(|table| table as &dyn TableLike).collect()
        }
        _ => Vec::new(),
    };
    for (number, table) in listed.into_iter().enumerate() {
        walk(table, &path.iter().cloned().chain([Step::Number(number)]).collect::<Vec<_>>(), text, keys);
    }
}

/// Line and column of a byte, from 1.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(words: &str) -> Vec<Step> {
        words.split('.').map(|word| word.parse().map_or_else(|_| Step::Name(word.to_owned()), Step::Number)).collect()
    }

    #[test]
    fn every_key_has_its_line_however_it_is_written() {
        let text = "# ours\n[server]\nlisten = 'x'\n  public_url='y'\n[mail.oauth]\nscope = 's'\n[[mail.dkim]]\ndomain = 'a'\n\
                    [[mail.dkim]]\n  domain = 'b'\n[artifacts]\noptions = { aws_region = 'r' }\n[mail.domains.\"a.example\"]\nper_minute = 1\n";
        let written = Written::parse(Path::new("p.toml"), text.to_owned()).expect("TOML");
        for (path, at) in [
            ("server", (2, 2)),
            ("server.listen", (3, 1)),
            ("server.public_url", (4, 3)),
            ("mail.oauth.scope", (6, 1)),
            ("mail.dkim.0.domain", (8, 1)),
            ("mail.dkim.1.domain", (10, 3)),
            ("artifacts.options.aws_region", (12, 13)),
        ] {
            assert_eq!(written.place(&name(path)), Some(at), "{path}");
        }
        let bound = [name("mail.domains"), vec![Step::Name("a.example".into()), Step::Name("per_minute".into())]].concat();
        assert_eq!(written.place(&bound), Some((14, 1)));
        let without = written.without(&[name("server.listen"), name("mail.dkim.1.domain"), name("artifacts")]);
        assert!(!without.contains("listen") && !without.contains("'b'") && !without.contains("aws_region"), "{without}");
        assert!(without.contains("public_url") && without.contains("'a'"), "{without}");
    }

    #[test]
    fn text_that_is_no_toml_is_told_by_line() {
        let error = Written::parse(Path::new("p.toml"), "[server]\nlisten = 127.0.0.1\n".to_owned()).expect_err("no number");
        assert_eq!(error.at.0, 2, "{error:?}");
    }
}
