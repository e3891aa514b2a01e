//! Fuzzing on stable Rust: texts are bent until a claim about them breaks.
//!
//! A target gives seeds, words of its language, and a judge. The judge panics when a claim is broken; otherwise it says in a
//! few words what came of the text. A text with which something new came of it joins the seeds, so that the search goes
//! deeper where it is let in: the place that coverage has in a fuzzer that can instrument what it runs.
//!
//! In a normal test run a target makes a small, repeatable number of attempts. `cargo xtask fuzz NAME --seconds N` lets it run
//! for that long from another start (`PRESSRUN_FUZZ_SECONDS`, `PRESSRUN_FUZZ_SEED`), and says how far it came.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// Attempts of a normal test run.
const ATTEMPTS: u64 = 1_000;
/// Longest text that is tried, in characters; findings are small.
const LONGEST: usize = 4_096;
/// Most seeds that are kept.
const KEPT: usize = 4_000;

/// Bends texts and has each judged; answers with the number of attempts.
///
/// # Panics
/// When the judge does; the text is printed.
#[expect(clippy::print_stdout, reason = "how far it came is what a long run is for")]
pub fn fuzz(name: &str, seeds: &[&str], words: &[&str], judge: impl Fn(&str) -> String) -> u64 {
    let variable = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let limit = variable("PRESSRUN_FUZZ_SECONDS").map(Duration::from_secs);
    let seed = variable("PRESSRUN_FUZZ_SEED").unwrap_or(0x5eed);
    let mut chance = Chance(seed | 1);
    let mut kept: Vec<String> = seeds.iter().map(|seed| (*seed).to_owned()).collect();
    let mut seen = HashSet::new();
    let started = Instant::now();
    let mut attempts = 0;
    let first = kept.clone();
    let mut texts = first.into_iter();
    while limit.map_or(attempts < ATTEMPTS, |limit| started.elapsed() < limit) {
        let text = texts.next().unwrap_or_else(|| chance.bend(&kept, words));
        attempts += 1;
        let outcome = catch_unwind(AssertUnwindSafe(|| judge(&text))).unwrap_or_else(|panic| {
            println!("{name}: after {attempts} attempts from seed {seed} this text broke a claim:\n{text:?}");
            resume_unwind(panic)
        });
        if seen.insert(outcome) && kept.len() < KEPT {
            kept.push(text);
        }
    }
    if limit.is_some() {
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{name}: {attempts} attempts in {seconds:.0} s ({:.0}/s) from seed {seed}, {} outcomes, {} texts kept, nothing broke",
            attempts as f64 / seconds,
            seen.len(),
            kept.len()
        );
    }
    attempts
}

/// A message without what differs from text to text, so that equal kinds of outcome are equal.
#[must_use]
pub fn outline(message: &str) -> String {
    let mut quoted = false;
    let kept = message.chars().filter(|c| {
        if matches!(c, '"' | '`' | '\'') {
            quoted = !quoted;
        }
        !quoted && !c.is_ascii_digit()
    });
    kept.take(60).collect()
}

/// A xorshift generator: repeatable, and good enough to throw dice.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// One of `kept` after a few changes.
    fn bend(&mut self, kept: &[String], words: &[&str]) -> String {
        let mut text: Vec<char> = self.pick(kept).chars().collect();
        for _ in 0..=self.below(4) {
            self.change(&mut text, kept, words);
        }
        text.truncate(LONGEST);
        text.into_iter().collect()
    }

    fn change(&mut self, text: &mut Vec<char>, kept: &[String], words: &[&str]) {
        const ODD: &[char] =
            &['\0', '\n', '\t', '\u{feff}', '\u{202e}', '🍣', 'ß', '٣', '\'', '"', '\\', '{', '}', '%', '$', '-', '#', '&', '*'];
        const NUMBERS: &[&str] =
            &["0", "-1", "1e308", "1e-308", "9223372036854775808", "99999999999999999999999999999999999999999", "0.1", "NaN"];
        let at = self.below(text.len() + 1);
        let end = (at + 1 + self.below(12)).min(text.len());
        match self.below(9) {
            0 if at < end => drop(text.drain(at..end)),
            1 if at < end => {
                let again: Vec<char> = text[at..end].to_vec();
                for _ in 0..=self.below(3) {
                    text.splice(at..at, again.iter().copied());
                }
            }
            2 => text.insert(at, *self.pick(ODD)),
            3 if at < text.len() => text[at] = *self.pick(ODD),
            4 => drop(text.splice(at..at, self.pick(NUMBERS).chars())),
            // The end of another text.
            5 => {
                let other: Vec<char> = self.pick(kept).chars().collect();
                let from = self.below(other.len() + 1);
                text.truncate(at);
                text.extend_from_slice(&other[from..]);
            }
            // A number that stands there becomes another.
            6 => {
                let digits = |c: &char| c.is_ascii_digit();
                if let Some(start) = text.iter().skip(at).position(digits).map(|found| found + at) {
                    let end = text[start..].iter().position(|c| !digits(c)).map_or(text.len(), |found| found + start);
                    text.splice(start..end, self.pick(NUMBERS).chars());
                }
            }
            // Two neighbours change places.
            7 if at + 1 < text.len() => text.swap(at, at + 1),
            _ if !words.is_empty() => drop(text.splice(at..at, self.pick(words).chars())),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_of_texts_leads_the_search() {
        // Three steps from the seed; by chance alone none of these attempts would take all three.
        let found = catch_unwind(|| {
            fuzz("self", &["ab"], &["xy", "zz"], |text| {
                let steps = [text.contains("xy"), text.contains("xyzz"), text.contains("xyzzxyzz")];
                assert!(!steps[2], "reached");
                format!("{steps:?}")
            })
        });
        assert!(found.is_err());
        assert_eq!(outline("there is no filter `a1` in line 12"), "there is no filter ` in line ");
    }
}
