//! The template's text cut into parts as it is written: a mark in the template does not print anything, it tells the writer that a place
//! stands here. So where a place is follows from the template alone, whatever the texts around it say.

use std::cell::RefCell;
use std::fmt;

use pressrun_domain::mail::{MailPart, Slot};

/// Takes the text and the marks of one template, in the order in which they are written.
#[derive(Debug)]
pub(super) struct Parts(RefCell<Vec<Open>>);

/// The parts of a place that is not closed yet; the first is of the whole mail and has no place.
#[derive(Debug, Default)]
struct Open {
    slot: Option<Slot>,
    parts: Vec<MailPart>,
}

impl Default for Parts {
    fn default() -> Self {
        Self(RefCell::new(vec![Open::default()]))
    }
}

impl Parts {
    /// The marks that a template places.
    pub(super) fn marks(&self) -> Marks<'_> {
        Marks(self)
    }

    /// Adds words.
    pub(super) fn words(&self, text: &str) {
        self.change(|open| {
            if text.is_empty() {
                return;
            }
            match open.parts.last_mut() {
                Some(MailPart::Words(words)) => words.push_str(text),
                _ => open.parts.push(MailPart::Words(text.to_owned())),
            }
        });
    }

    /// Everything that was written; a place that was not closed ends here.
    pub(super) fn take(self) -> Vec<MailPart> {
        while self.0.borrow().len() > 1 {
            self.close();
        }
        self.0.into_inner().pop().map(|open| open.parts).unwrap_or_default()
    }

    fn change(&self, change: impl FnOnce(&mut Open)) {
        if let Some(open) = self.0.borrow_mut().last_mut() {
            change(open);
        }
    }

    fn open(&self, slot: Slot) {
        self.0.borrow_mut().push(Open { slot: Some(slot), parts: Vec::new() });
    }

    fn close(&self) {
        let mut stack = self.0.borrow_mut();
        if let Some(Open { slot: Some(slot), parts }) = stack.pop()
            && let Some(around) = stack.last_mut()
        {
            around.parts.push(MailPart::If(slot, parts));
        }
    }
}

/// What a template writes to.
pub(super) struct Pen<'a>(pub(super) &'a Parts);

impl fmt::Write for Pen<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.words(text);
        Ok(())
    }
}

/// The marks by their names in the template.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks<'a>(&'a Parts);

impl<'a> Marks<'a> {
    pub(super) fn link(self) -> Mark<'a> {
        self.value(Slot::Link)
    }

    pub(super) fn unsubscribe(self) -> Mark<'a> {
        self.value(Slot::Unsubscribe)
    }

    pub(super) fn picture(self) -> Mark<'a> {
        self.value(Slot::Picture)
    }

    pub(super) fn note(self) -> Mark<'a> {
        self.value(Slot::Note)
    }

    pub(super) fn if_link(self) -> Mark<'a> {
        self.place(Slot::Link)
    }

    pub(super) fn if_unsubscribe(self) -> Mark<'a> {
        self.place(Slot::Unsubscribe)
    }

    pub(super) fn if_picture(self) -> Mark<'a> {
        self.place(Slot::Picture)
    }

    pub(super) fn if_note(self) -> Mark<'a> {
        self.place(Slot::Note)
    }

    /// Ends the innermost of the `if_…`.
    pub(super) fn end(self) -> Mark<'a> {
        Mark { parts: self.0, what: What::End }
    }

    fn value(self, slot: Slot) -> Mark<'a> {
        Mark { parts: self.0, what: What::Value(slot) }
    }

    fn place(self, slot: Slot) -> Mark<'a> {
        Mark { parts: self.0, what: What::If(slot) }
    }
}

/// One mark. Showing it prints nothing and notes the place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark<'a> {
    parts: &'a Parts,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Value(Slot),
    If(Slot),
    End,
}

impl fmt::Display for Mark<'_> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Value(slot) => self.parts.change(|open| open.parts.push(MailPart::Value(slot))),
            What::If(slot) => self.parts.open(slot),
            What::End => self.parts.close(),
        }
        Ok(())
    }
}
