//! What each recipient would see, in words.

use pressrun_api::{Seen, Sees};
use pressrun_domain::catalog::Catalog;
use pressrun_domain::schedule::Definition;

use crate::words;

/// Recipients named one by one.
const NAMED: usize = 200;

/// One recipient.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) email: String,
    /// The member's name, or that there is no login.
    pub(super) who: String,
    /// Not a member of the organization.
    pub(super) outside: bool,
    /// What they see.
    pub(super) sees: String,
    /// `calm`, or `warn` for who gets nothing or sees nothing.
    pub(super) tone: &'static str,
}

/// Everybody who would get it, and how many more there are.
pub(super) fn lines(seen: &[Seen], definition: &Definition, catalog: &Catalog) -> (Vec<Line>, usize) {
    let owner = catalog.member(definition.owner.0).map_or("the owner", |owner| owner.name.as_str());
    let line = |one: &Seen| {
        let member = catalog.members.by_address(&one.email.to_lowercase());
        let (sees, tone) = sees(&one.sees, owner);
        let who = member.map_or_else(|| "no login".to_owned(), |member| member.name.clone());
        Line { email: one.email.clone(), who, outside: member.is_none(), sees, tone }
    };
    (seen.iter().take(NAMED).map(line).collect(), seen.len().saturating_sub(NAMED))
}

fn sees(sees: &Sees, owner: &str) -> (String, &'static str) {
    match sees {
        Sees::Owners => (format!("sees what {owner} sees"), "calm"),
        Sees::Everything => ("sees everything on it, as everybody does".to_owned(), "calm"),
        Sees::Own(values) if values.is_empty() => ("sees their own rows".to_owned(), "calm"),
        Sees::Own(values) => {
            let each = values.iter().map(|(name, values)| format!("{name} {}", values.join(", ")));
            (format!("sees {} only", each.collect::<Vec<_>>().join("; ")), "calm")
        }
        Sees::Nothing(missing) => (format!("sees no rows: has no value for {}", missing.join(" and ")), "warn"),
        Sees::Stranger(missing) => {
            (format!("sees no rows unless an administrator gives this address a value for {}", missing.join(" and ")), "warn")
        }
        Sees::Skipped("notConfirmed") => {
            let how = "Take them off the list, save, and put them on again if they may";
            (format!("gets nothing: here for their own rows, and nobody said that they may have those of {owner}. {how}"), "warn")
        }
        Sees::Skipped(reason) => (format!("gets nothing: {}", words::reason(reason)), "warn"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_sees_is_said_in_a_few_words() {
        let own = Sees::Own(vec![("Region".to_owned(), vec!["EU".to_owned()])]);
        for (found, expected) in [
            (Sees::Owners, "sees what Ann sees"),
            (own, "sees Region EU only"),
            (Sees::Own(Vec::new()), "sees their own rows"),
            (Sees::Nothing(vec!["Hospital".to_owned()]), "sees no rows: has no value for Hospital"),
            (Sees::Stranger(vec!["Hospital".to_owned()]), "sees no rows unless an administrator gives this address a value for Hospital"),
            (
                Sees::Skipped("notConfirmed"),
                "gets nothing: here for their own rows, and nobody said that they may have those of Ann. Take them off the list, save, and put them on again if they may",
            ),
            (Sees::Skipped("deactivated"), "gets nothing: the account is deactivated"),
        ] {
            assert_eq!(sees(&found, "Ann").0, expected);
        }
    }
}
