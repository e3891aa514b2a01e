//! Whatever is typed: no panic, and what is accepted reads back as typed.

use jiff::Timestamp;
use pressrun_cron::CronExpression;
use proptest::prelude::*;

use crate::zone;

/// Whatever parses must also answer.
fn check(text: &str) -> Result<(), TestCaseError> {
    match text.parse::<CronExpression>() {
        Ok(expression) => {
            prop_assert_eq!(expression.as_str(), text);
            prop_assert_eq!(expression.to_string(), text);
            let again: CronExpression = expression.to_string().parse().unwrap();
            prop_assert_eq!(&again, &expression);
            prop_assert!(!expression.describe().is_empty());
            let zone = zone("America/New_York");
            let first = expression.next_after(Timestamp::MIN, &zone);
            let last = expression.latest_between(Timestamp::MIN, Timestamp::MAX, &zone);
            prop_assert_eq!(first.is_some(), last.is_some());
            prop_assert!(first.map(|first| first.at) <= last.map(|last| last.at));
        }
        Err(error) => {
            let message = error.to_string();
            prop_assert!(!message.is_empty() && message.len() < 500, "{}", message);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn six_arbitrary_fields_never_panic(text in "\\PC{1,6}( \\PC{1,6}){5}") {
        check(&text)?;
    }

    #[test]
    fn text_of_the_signs_of_cron_never_panics(text in "[0-9A-Zlw*?/,#LW -]{0,40}") {
        check(&text)?;
    }

    #[test]
    fn fields_of_the_signs_of_cron_never_panic(
        text in "(\\*|[0-9]{1,2}|[0-9*]/[0-9]) (\\*|[0-9]{1,2}) (\\?|[0-9LW]{1,3}) ([0-9*]|[A-Z]{3}) (\\?|[0-9L#]{1,3}) (\\*|2[01][0-9]{2})"
    ) {
        check(&text)?;
    }

    #[test]
    fn zone_names_never_panic(name in any::<String>()) {
        let _ = pressrun_cron::zone(&name);
    }
}
