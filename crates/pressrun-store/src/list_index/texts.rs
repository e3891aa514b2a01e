//! Many short texts in one piece of memory.

/// Texts by number.
#[derive(Debug, Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    /// Where each text stands: start and length.
    spans: Vec<(u64, u32)>,
    unused: usize,
}

impl Texts {
    pub(super) fn get(&self, number: u32) -> &[u8] {
        let Some((start, length)) = self.spans.get(number as usize) else { return &[] };
        let start = usize::try_from(*start).unwrap_or(usize::MAX);
        self.bytes.get(start..start.saturating_add(*length as usize)).unwrap_or_default()
    }

    /// Appends a text, numbered by how many there were.
    pub(super) fn push(&mut self, text: &[u8]) {
        let span = self.write(text);
        self.spans.push(span);
    }

    /// Puts a text in the place of another.
    pub(super) fn set(&mut self, number: u32, text: &[u8]) {
        if self.get(number) == text {
            return;
        }
        self.unused += self.get(number).len();
        if self.unused > self.bytes.len() / 2 + 65_536 {
            self.close_gaps();
        }
        let span = self.write(text);
        if let Some(place) = self.spans.get_mut(number as usize) {
            *place = span;
        }
    }

    fn write(&mut self, text: &[u8]) -> (u64, u32) {
        let span = (self.bytes.len() as u64, u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.bytes.extend_from_slice(&text[..span.1 as usize]);
        span
    }

    fn close_gaps(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.unused);
        for number in 0..self.spans.len() {
            let start = bytes.len() as u64;
            bytes.extend_from_slice(self.get(u32::try_from(number).unwrap_or(u32::MAX)));
            self.spans[number].0 = start;
        }
        self.bytes = bytes;
        self.unused = 0;
    }

    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.spans.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_replaced_many_times_takes_no_more_room() {
        let mut texts = Texts::default();
        for number in 0..100_u32 {
            texts.push(format!("text {number}").as_bytes());
        }
        for round in 0..10_000_u32 {
            texts.set(round % 100, format!("round {round}").as_bytes());
        }
        assert!(texts.bytes.len() < 140_000, "{}", texts.bytes.len());
        for number in 0..100_u32 {
            assert_eq!(texts.get(number), format!("round {}", 9_900 + number).as_bytes());
        }
        assert_eq!(texts.get(100), b"");
    }
}
