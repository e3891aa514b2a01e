//! A phrase as words, and the small things that they name.

use super::PhraseError;
use crate::describe::{MONTHS, WEEKDAYS};

/// Characters of a word that an error repeats.
const ECHOED: usize = 40;

/// Words of a phrase, read from the front.
pub(super) struct Words<'a> {
    /// In lower case, and as typed.
    all: Vec<(String, &'a str)>,
    at: usize,
}

/// A word as an error repeats it.
pub(super) fn shortened(word: &str) -> String {
    word.chars().take(ECHOED).collect()
}

impl<'a> Words<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let text = text.trim().trim_end_matches("(never: no such date)");
        let mut all = Vec::new();
        for typed in text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ';')) {
            let word = typed.trim_end_matches([',', '.']);
            if !word.is_empty() {
                all.push((word.to_lowercase().replace('–', "-"), word));
            }
            if typed.ends_with(',') {
                all.push((",".to_owned(), ","));
            }
        }
        Self { all, at: 0 }
    }

    pub(super) fn is_done(&self) -> bool {
        self.at >= self.all.len()
    }

    pub(super) fn peek(&self) -> Option<&str> {
        self.ahead(0)
    }

    fn ahead(&self, steps: usize) -> Option<&str> {
        self.all.get(self.at + steps).map(|(word, _)| word.as_str())
    }

    /// Where it reads now.
    pub(super) fn mark(&self) -> usize {
        self.at
    }

    /// Reads again from there.
    pub(super) fn back_to(&mut self, mark: usize) {
        self.at = mark;
    }

    /// Steps over one of these words.
    pub(super) fn skip(&mut self, any: &[&str]) -> bool {
        let is_there = self.peek().is_some_and(|word| any.contains(&word));
        self.at += usize::from(is_there);
        is_there
    }

    /// Steps over these words in this order, or over none.
    pub(super) fn skip_all(&mut self, all: &[&str]) -> bool {
        let are_there = all.iter().enumerate().all(|(steps, word)| self.ahead(steps) == Some(word));
        if are_there {
            self.at += all.len();
        }
        are_there
    }

    /// Refuses the present word.
    pub(super) fn unknown(&self) -> PhraseError {
        let typed = self.all.get(self.at).or(self.all.last()).map_or("", |(_, typed)| typed);
        PhraseError::Unknown { word: shortened(typed) }
    }

    /// Everything that is left, as typed.
    pub(super) fn rest(&mut self) -> String {
        let rest = self.all.get(self.at..).unwrap_or_default();
        let rest = rest.iter().map(|(_, typed)| *typed).collect::<Vec<_>>().join(" ");
        self.at = self.all.len();
        rest
    }

    /// Whether the present word can only be a time zone.
    pub(super) fn is_place(&self) -> bool {
        self.peek().is_some_and(|word| word == "utc" || (word.contains('/') && word.starts_with(|c: char| c.is_ascii_alphabetic())))
    }

    /// One thing after another: `a`, `a, b and c`, `a through c`. What is parted from them by a comma and is not of their kind ends the list.
    pub(super) fn list(&mut self, item: impl Fn(&mut Self) -> Result<Option<usize>, PhraseError>) -> Result<Vec<Run>, PhraseError> {
        let mut runs = Vec::new();
        let Some(first) = item(self)? else { return Ok(runs) };
        let mut first = first;
        loop {
            let last = if self.skip(&["through", "thru", "to", "-", "until"]) { item(self)?.ok_or_else(|| self.unknown())? } else { first };
            runs.push(Run { first, last });
            let before = self.at;
            while self.skip(&[",", "and", "or"]) {}
            let next = if self.at == before { None } else { item(self)? };
            match next {
                Some(value) => first = value,
                None => {
                    self.at = before;
                    return Ok(runs);
                }
            }
        }
    }

    /// A whole number of at most `most`.
    pub(super) fn number(&mut self, least: usize, most: usize, what: &'static str) -> Result<Option<usize>, PhraseError> {
        let Some(word) = self.peek().filter(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())) else {
            return Ok(None);
        };
        let number = word.parse().ok().filter(|number| (least..=most).contains(number));
        let number = number.ok_or_else(|| PhraseError::OutOfRange { text: shortened(word), what })?;
        self.at += 1;
        Ok(Some(number))
    }

    /// Refuses a bare number after a time: it may be the minutes as well as a day. Before a month it is a day.
    pub(super) fn refuse_number(&self) -> Result<(), PhraseError> {
        let is_number = self.peek().is_some_and(|word| word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit()));
        let is_date = self.ahead(1).is_some_and(|word| MONTHS.iter().any(|month| names(month, word)));
        if !is_number || is_date {
            return Ok(());
        }
        Err(PhraseError::Unclear {
            what: "a number after a time",
            instead: "write minutes with a colon, such as “at 09:30”, and a day such as “on the 30th”",
        })
    }

    /// A day of the month: `15`, `15th`, `first`.
    pub(super) fn day(&mut self) -> Result<Option<usize>, PhraseError> {
        let Some(word) = self.peek() else { return Ok(None) };
        let digits = ["st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(None);
        }
        let day = digits.parse().ok().filter(|day| (1..=31).contains(day));
        let day = day.ok_or_else(|| PhraseError::OutOfRange { text: shortened(word), what: "day of a month" })?;
        self.at += 1;
        Ok(Some(day))
    }

    /// `first` to `fifth`, as 1 to 5; also `1st` to `5th`.
    pub(super) fn ordinal(&mut self) -> Option<u8> {
        const ALL: [[&str; 2]; 5] = [["first", "1st"], ["second", "2nd"], ["third", "3rd"], ["fourth", "4th"], ["fifth", "5th"]];
        let found = ALL.iter().position(|words| self.peek().is_some_and(|word| words.contains(&word)))?;
        self.at += 1;
        u8::try_from(found + 1).ok()
    }

    /// A weekday, Sunday being 0: `monday`, `mondays`, `mon`; of `mon-fri`, the first, and the rest is left.
    pub(super) fn weekday(&mut self) -> Option<usize> {
        let word = self.peek()?.to_owned();
        let (first, rest) = word.split_once('-').map_or((word.as_str(), None), |(first, rest)| (first, Some(rest)));
        let found = WEEKDAYS.iter().position(|day| names(day, first))?;
        let typed = self.all.get(self.at).map_or("", |(_, typed)| typed);
        match (rest, typed.split_once(['-', '–'])) {
            (Some(rest), Some((_, typed))) => {
                let rest = [("-".to_owned(), "-"), (rest.to_owned(), typed)];
                self.all.splice(self.at..=self.at, rest);
            }
            _ => self.at += 1,
        }
        Some(found)
    }

    fn month(&mut self) -> Option<usize> {
        let word = self.peek()?;
        let found = MONTHS.iter().position(|month| names(month, word))?;
        self.at += 1;
        Some(found)
    }

    /// Months, January being bit 0; a run may go on over the new year.
    pub(super) fn months(&mut self) -> Result<Option<u16>, PhraseError> {
        let runs = self.list(|words| Ok(words.month()))?;
        let months = runs.iter().flat_map(|run| run.around(12)).fold(0, |months, month| months | 1 << month);
        Ok((months != 0).then_some(months))
    }

    /// Years from 1970 to 2199.
    pub(super) fn years(&mut self) -> Result<Option<Vec<u16>>, PhraseError> {
        let is_year = self.peek().is_some_and(|word| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit()));
        if !is_year {
            return Ok(None);
        }
        let runs = self.list(|words| words.number(1970, 2199, "year from 1970 to 2199"))?;
        let mut years: Vec<u16> = runs.iter().flat_map(|run| run.first..=run.last).filter_map(|year| u16::try_from(year).ok()).collect();
        years.sort_unstable();
        years.dedup();
        if years.is_empty() { Err(self.unknown()) } else { Ok(Some(years)) }
    }

    /// A time of day as minutes after midnight: `08:00`, `8`, `8am`, `8:30 pm`, `noon`.
    pub(super) fn clock(&mut self) -> Result<Option<usize>, PhraseError> {
        let Some(word) = self.peek() else { return Ok(None) };
        let named = match word {
            "noon" | "midday" => Some(12 * 60),
            "midnight" => Some(0),
            _ => None,
        };
        if named.is_some() {
            self.at += 1;
            return Ok(named);
        }
        let (digits, mut half) = match (word.strip_suffix("am"), word.strip_suffix("pm")) {
            (Some(digits), _) => (digits, Some(0)),
            (_, Some(digits)) => (digits, Some(12)),
            _ => (word, None),
        };
        let (hour, minute) = digits.split_once([':', '.']).unwrap_or((digits, "00"));
        let is_number = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(hour) || !is_number(minute) {
            return Ok(None);
        }
        let fault = PhraseError::OutOfRange { text: shortened(word), what: "time of day" };
        let mut taken = 1;
        if half.is_none() {
            half = match self.ahead(1) {
                Some("am") => Some(0),
                Some("pm") => Some(12),
                _ => None,
            };
            taken += usize::from(half.is_some() || self.ahead(1) == Some("o'clock"));
        }
        let (Ok(hour), Ok(minute)) = (hour.parse::<usize>(), minute.parse::<usize>()) else { return Err(fault) };
        let hour = match half {
            Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
            None if hour < 24 => hour,
            Some(_) | None => return Err(fault),
        };
        if minute > 59 {
            return Err(fault);
        }
        self.at += taken;
        Ok(Some(hour * 60 + minute))
    }

    /// A time that needs no `at` before it, for it can be nothing else: `08:00`, `8am`, `noon`.
    pub(super) fn clock_alone(&mut self) -> Result<Option<usize>, PhraseError> {
        let is_clock = |word: &str| {
            word.contains(':') || word.ends_with("am") || word.ends_with("pm") || ["noon", "midday", "midnight"].contains(&word)
        };
        if self.peek().is_some_and(is_clock) { self.clock() } else { Ok(None) }
    }
}

/// Whether `word` is this name, its plural, or its first letters, three at least.
fn names(name: &str, word: &str) -> bool {
    let name = name.to_lowercase();
    let word = word.strip_suffix('s').filter(|single| *single == name).unwrap_or(word);
    word.len() >= 3 && (word == name || (name.starts_with(word) && word.len() <= 5))
}

/// Values from one through another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Run {
    /// Its values where `size` comes again as 0: Friday through Monday.
    pub(super) fn around(self, size: usize) -> impl Iterator<Item = usize> {
        let length = (self.last + size - self.first) % size;
        (0..=length).map(move |step| (self.first + step) % size)
    }
}
