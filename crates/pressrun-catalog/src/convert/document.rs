//! A dashboard file to a document.

use pressrun_domain::catalog::{Access, Document};
use pressrun_domain::id::DocumentIdentifier;

use super::text::{self, Unique};
use super::{Known, dashboard};
use crate::files::{AccessFile, DashboardFile, Field};
use crate::problem::{Place, Report, printable, suggest};

/// Converts one file, noting what is wrong. `version` is the file's.
pub(crate) fn document(file: &DashboardFile, version: &str, known: Known<'_>, report: &Report<'_>) -> Option<Document> {
    let start = Place { line: 1, column: 1, block: false };
    let identifier = text::required(&file.identifier, "identifier", start, report).filter(|identifier| {
        let right = identifier.len() <= 64 && identifier.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !right {
            report.add(
                file.identifier.place().unwrap_or(start),
                format!("`{}` cannot be an identifier", printable(identifier)),
                "use 1 to 64 letters, digits, `-` and `_`; it stands in addresses",
            );
        }
        right
    });
    let name = text::required(&file.name, "name", start, report);
    let access = file.access.get().map(|given| access(given, known, report)).unwrap_or_default();
    let dashboard = if file.dashboard.or(true) {
        Some(dashboard::dashboard(file, known, report))
    } else {
        for (key, place) in [("tiles", file.tiles.place()), ("filters", file.filters.place()), ("pages", file.pages.place())] {
            if let Some(place) = place {
                report.add(place, format!("`{key}` in a document without a dashboard"), "remove it, or remove `dashboard: false`");
            }
        }
        None
    };
    Some(Document {
        identifier: DocumentIdentifier(identifier?),
        name: name?,
        saved: file.saved.or(true),
        version: version.to_owned(),
        access,
        dashboard: match dashboard {
            Some(dashboard) => Some(dashboard?),
            None => None,
        },
    })
}

fn access(file: &AccessFile, known: Known<'_>, report: &Report<'_>) -> Access {
    let mut unique = Unique::new("group");
    let mut groups = Vec::new();
    if let Field::Given(written, place) = &file.groups
        && written.is_empty()
    {
        report.add(*place, "`groups` is empty, which would let everybody view the document", "name a group, or remove `access`");
    }
    for (name, place) in file.groups.get().into_iter().flatten().filter_map(Field::placed) {
        unique.add(name.clone(), place, report);
        if let Some(people) = known.people
            && !people.group_names.contains(name)
        {
            let hint = suggest(name, people.group_names.iter().map(String::as_str), "groups in people.yaml");
            report.add(place, format!("there is no group `{}`", printable(name)), hint);
        }
        groups.push(name.clone());
    }
    Access { groups, no_new_schedules: !file.schedules.or(true) }
}
