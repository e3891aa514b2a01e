//! What can be chosen in the form: the value of a body, and what people read.

use pressrun_domain::condition::ConditionKind;
use pressrun_domain::destination::DestinationKind;
use pressrun_domain::output::{Format, PaperFormat, PaperOrientation};

use crate::words;

/// A value and what people read.
type Choice = (&'static str, &'static str);

/// Where to.
pub(super) fn destinations() -> [Choice; 5] {
    DestinationKind::ALL.map(|kind| {
        let label = match kind {
            DestinationKind::Email => "Email",
            DestinationKind::Sftp => "SFTP server",
            DestinationKind::Webhook => "Webhook",
            DestinationKind::Slack => "Slack",
            DestinationKind::S3 => "S3 bucket",
        };
        (kind.as_str(), label)
    })
}

/// As what.
pub(super) fn formats() -> [Choice; 6] {
    Format::ALL.map(|format| {
        let label = match format {
            Format::Csv => "CSV",
            Format::Json => "JSON",
            Format::LinkOnly => "Link only",
            Format::Pdf => "PDF",
            Format::Png => "Picture (PNG)",
            Format::Xlsx => "Excel (XLSX)",
        };
        (format.as_str(), label)
    })
}

/// Paper of a pdf.
pub(super) fn papers() -> [Choice; 6] {
    PaperFormat::ALL.map(|paper| {
        let label = match paper {
            PaperFormat::A3 => "A3",
            PaperFormat::A4 => "A4",
            PaperFormat::Legal => "Legal",
            PaperFormat::Letter => "Letter",
            PaperFormat::FitPage => "One page as long as it needs",
            PaperFormat::Tabloid => "Tabloid",
        };
        (paper.as_str(), label)
    })
}

/// Orientation of a pdf.
pub(super) fn orientations() -> [Choice; 2] {
    PaperOrientation::ALL.map(|orientation| match orientation {
        PaperOrientation::Portrait => (orientation.as_str(), "Portrait"),
        PaperOrientation::Landscape => (orientation.as_str(), "Landscape"),
    })
}

/// What has to hold, after “only”.
pub(super) fn conditions() -> [Choice; 4] {
    ConditionKind::ALL.map(|kind| (kind.as_str(), words::condition(kind)))
}
