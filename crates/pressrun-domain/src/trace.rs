//! Traces: which spans belong together, over processes and over time (W3C Trace Context).
//!
//! A run is one trace, whoever works on it and however often it is claimed: the id of the trace is that of the run, so that each finds the other. The ids of
//! its first span and of its attempts are made from what they are about, for they are told to others, or parents of spans of another process.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::id::{DeliveryId, RunId};

/// A place in a trace, as `traceparent` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: [u8; 16],
    /// The span that is the parent of what follows.
    pub span: [u8; 8],
    /// Whether it is recorded.
    pub sampled: bool,
}

/// A text that is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no traceparent of W3C Trace Context")]
pub struct NoTraceContext;

impl TraceContext {
    /// The first span of a run, parent of all others, when so large a part of all runs is recorded.
    #[must_use]
    pub fn of_run(run: RunId, ratio: f64) -> Self {
        let trace = *run.0.as_bytes();
        Self { trace, span: made_from(run.0, "run"), sampled: is_sampled(trace, ratio) }
    }

    /// The span of an attempt at a piece of that run.
    #[must_use]
    pub fn of_attempt(self, piece: DeliveryId, number: u32) -> Self {
        Self { span: made_from(piece.0, &format!("attempt {number}")), ..self }
    }

    /// The id of the span, as others write it.
    #[must_use]
    pub fn span_id(self) -> String {
        format!("{:016x}", u64::from_be_bytes(self.span))
    }
}

/// Whether a trace is among this part of all: the same for everybody who asks, by its last four bytes. Those are left to chance in every kind of UUID that
/// runs have, also when many are made in one millisecond; the bytes before them count then.
#[must_use]
pub fn is_sampled(trace: [u8; 16], ratio: f64) -> bool {
    let chance = u32::from_be_bytes([trace[12], trace[13], trace[14], trace[15]]);
    f64::from(chance) < ratio.clamp(0.0, 1.0) * 2_f64.powi(32)
}

fn made_from(of: Uuid, what: &str) -> [u8; 8] {
    let made = Uuid::new_v5(&of, what.as_bytes());
    let mut span = [0; 8];
    span.copy_from_slice(&made.as_bytes()[..8]);
    // The one id that means none; it will not come.
    if span == [0; 8] {
        span[7] = 1;
    }
    span
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (u128::from_be_bytes(self.trace), u64::from_be_bytes(self.span));
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", u8::from(self.sampled))
    }
}

impl FromStr for TraceContext {
    type Err = NoTraceContext;

    /// Reads `traceparent`; what later versions add behind it is passed over.
    fn from_str(text: &str) -> Result<Self, NoTraceContext> {
        let mut parts = text.trim().split('-');
        let mut hex = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            let is_hex = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            u128::from_str_radix(part, 16).ok().filter(|_| is_hex)
        };
        let read = (hex(2), hex(32), hex(16), hex(2));
        let (Some(version), Some(trace), Some(span), Some(flags)) = read else { return Err(NoTraceContext) };
        let more = parts.next().is_some();
        if version == 0xff || trace == 0 || span == 0 || (version == 0 && more) {
            return Err(NoTraceContext);
        }
        let span = u64::try_from(span).map_err(|_| NoTraceContext)?;
        Ok(Self { trace: trace.to_be_bytes(), span: span.to_be_bytes(), sampled: flags & 1 == 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn o3_a_traceparent_is_read_and_written_as_the_standard_has_it() {
        let read: TraceContext = EXAMPLE.parse().expect("the standard's example");
        assert_eq!((read.to_string().as_str(), read.sampled), (EXAMPLE, true));
        for (case, text, fine) in [
            ("not sampled", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true),
            ("a later version with more", "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what", true),
            ("version 0 with more", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what", false),
            ("the version that is none", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("no trace", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
            ("no span", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false),
            ("capitals", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
            ("a sign among the digits", "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("too short", "00-4bf92f35-00f067aa0ba902b7-01", false),
            ("other letters", "00-äbf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", false),
            ("nothing", "", false),
        ] {
            assert_eq!(text.parse::<TraceContext>().is_ok(), fine, "{case}");
        }
    }

    #[test]
    fn o3_a_run_is_found_by_its_trace_and_every_process_makes_the_same_ids() {
        let run = RunId::generate();
        let (first, again) = (TraceContext::of_run(run, 1.0), TraceContext::of_run(run, 1.0));
        assert_eq!(first, again);
        assert_eq!(Uuid::from_bytes(first.trace), run.0);
        let piece = DeliveryId::generate();
        let attempts = [1, 2].map(|number| first.of_attempt(piece, number));
        assert_ne!(attempts[0].span, attempts[1].span);
        assert!(attempts.iter().all(|attempt| attempt.trace == first.trace && attempt.span != first.span));
    }

    #[test]
    fn o3_a_tenth_of_all_runs_is_a_tenth_of_each_kind_of_id() {
        for (kind, generate) in [("those of occurrences", Uuid::new_v4 as fn() -> Uuid), ("those of what people ask for", Uuid::now_v7)] {
            let sampled = (0..4000).filter(|_| TraceContext::of_run(RunId(generate()), 0.1).sampled).count();
            assert!((250..=550).contains(&sampled), "{kind}: {sampled}");
        }
        assert!(TraceContext::of_run(RunId::generate(), 1.0).sampled && !TraceContext::of_run(RunId::generate(), 0.0).sampled);
    }
}
