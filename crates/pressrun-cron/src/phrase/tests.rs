use proptest::prelude::*;

use super::{Phrase, PhraseError, phrase};
use crate::CronExpression;
use crate::calendar::Calendar;

fn calendar(text: &str) -> Calendar {
    let expression: CronExpression = text.parse().unwrap_or_else(|error| panic!("`{text}`: {error}"));
    expression.calendar()
}

#[test]
fn people_say_it_and_an_expression_is_what_they_meant() {
    for (said, expected, zone) in [
        ("every weekday at 08:00 in New York", "0 8 ? * MON-FRI *", Some("America/New_York")),
        ("Every weekday at 8am", "0 8 ? * MON-FRI *", None),
        ("weekdays at 8:30 pm", "30 20 ? * MON-FRI *", None),
        ("last business day at 17:00", "0 17 LW * ? *", None),
        ("on the last business day of the month at 5 pm, in Berlin", "0 17 LW * ? *", Some("Europe/Berlin")),
        ("first business day at 09:00", "0 9 1W * ? *", None),
        ("at 09:00 on the last day of the month", "0 9 L * ? *", None),
        ("daily at noon", "0 12 ? * * *", None),
        ("every day at 09:00 and 17:00", "0 9,17 ? * * *", None),
        ("hourly", "0 * ? * * *", None),
        ("every 15 minutes", "*/15 * ? * * *", None),
        ("every 2 hours on Monday", "0 */2 ? * MON *", None),
        ("every hour from 8:00 to 18:00 on weekdays", "0 8-18 ? * MON-FRI *", None),
        ("every Monday and Thursday at 7", "0 7 ? * MON,THU *", None),
        ("Mondays at 7", "0 7 ? * MON *", None),
        ("Mon-Fri at 9:00", "0 9 ? * MON-FRI *", None),
        ("weekly at 9:00", "0 9 ? * MON *", None),
        ("weekly on Friday at 16:00", "0 16 ? * FRI *", None),
        ("monthly at 06:00", "0 6 1 * ? *", None),
        ("every month on the 15th at 06:00", "0 6 15 * ? *", None),
        ("on the 1st and 15th at 09:00", "0 9 1,15 * ? *", None),
        ("on the first Monday of the month at 10:00", "0 10 ? * 2#1 *", None),
        ("on the last Friday at 10:00", "0 10 ? * 6L *", None),
        ("quarterly at 08:00", "0 8 1 1,4,7,10 ? *", None),
        ("quarterly on the first business day at 08:00", "0 8 1W 1,4,7,10 ? *", None),
        ("monthly on the last Friday at 9:00", "0 9 ? * 6L *", None),
        ("weekly on Monday and Thursday at 9:00", "0 9 ? * MON,THU *", None),
        ("yearly on the last day of December at 12:00", "0 12 L 12 ? *", None),
        ("at 9 30 March", "0 9 30 3 ? *", None),
        ("yearly on 31 December at 12:00", "0 12 31 12 ? *", None),
        ("every year on March 3rd at 12:00", "0 12 3 3 ? *", None),
        ("every weekday at 08:00 in July and August", "0 8 ? 7,8 MON-FRI *", None),
        ("at 09:00 every day (America/Argentina/Buenos_Aires)", "0 9 ? * * *", Some("America/Argentina/Buenos_Aires")),
        ("weekends at 10:00 UTC", "0 10 ? * SAT,SUN *", Some("UTC")),
        ("08:00 every day", "0 8 ? * * *", None),
    ] {
        // Years and quarters name their month.
        let meant = calendar(expected);
        match phrase(said) {
            Ok(Phrase { expression, zone: named }) => {
                assert_eq!(expression.calendar(), meant, "{said}: {expression}");
                assert_eq!(named.as_deref(), zone, "{said}");
            }
            Err(error) => panic!("{said}: {error}"),
        }
    }
}

#[test]
fn what_no_expression_can_say_is_refused_with_the_reason() {
    for (said, part) in [
        ("", "say when"),
        ("every weekday", "say at what time"),
        ("every other week at 09:00", "cannot be said by one expression"),
        ("at 08:00 and 10:30", "it would fire at 08:30, 10:00 too"),
        ("every 7 minutes", "does not fit into an hour"),
        ("every 15 minutes from 9:00 to 17:00", "17:15, 17:30, 17:45"),
        ("every hour from 20:00 to 4:00", "begins in the evening"),
        ("at 25:00", "“25:00” is no time of day"),
        ("at 13pm", "“13pm” is no time of day"),
        ("on the 32nd at 9:00", "“32nd” is no day of a month"),
        ("every blue moon at 9:00", "“blue” is not understood"),
        ("every day at 09:00 in Atlantis", "no time zone is known for “Atlantis”"),
        ("at 08:00 at 09:00", "it says twice at what time"),
        ("every Monday on the 1st at 09:00", "it says twice on which days"),
        ("third business day at 09:00", "take the first or the last business day"),
        ("weekdays at 09:00 to 17:00", "every hour from 09:00 to 17:00"),
        ("every day at 9 - 17", "every hour from 09:00 to 17:00"),
        ("monthly on Monday at 09:00", "on the first Monday of the month"),
        ("every month on weekdays at 09:00", "on the first Monday of the month"),
        ("yearly on Monday at 09:00", "on the first Monday of the month"),
        ("weekly on the 15th at 09:00", "every Friday at 09:00"),
        ("weekly on the last Friday at 09:00", "every Friday at 09:00"),
        ("monthly on 15 March at 09:00", "monthly on the 15th"),
        ("quarterly on 31 March at 09:00", "on 15 March"),
        ("every quarter on the last day at 08:00", "in March, June, September and December"),
        ("quarterly on the last business day at 08:00", "in March, June, September and December"),
        ("yearly on the last day at 12:00", "in December"),
        ("every year on the last Friday at 12:00", "in December"),
        ("every day at 9 30", "at 09:30"),
        ("at 9 pm 30", "at 09:30"),
        ("09:00 15", "at 09:30"),
        ("every hour from 8 30", "at 09:30"),
    ] {
        let error = phrase(said).map(|found| found.expression.to_string()).expect_err(said).to_string();
        assert!(error.contains(part), "{said}: {error}");
        // What it says to write is understood, whole or as the part that it is.
        let (_, instead) = error.split_once("; ").unwrap_or_default();
        for written in instead.split('“').skip(1).filter_map(|rest| rest.split('”').next()) {
            assert!(matches!(phrase(written), Ok(_) | Err(PhraseError::NoTime)), "{said}: {written}: {:?}", phrase(written));
        }
    }
}

#[test]
fn an_error_repeats_little_of_what_was_typed() {
    let said = format!("every {} at 9:00", "x".repeat(10_000));
    assert!(matches!(phrase(&said), Err(PhraseError::Unknown { word }) if word.len() <= 40));
}

/// Values of a field: all, one, a list, a range or a step.
fn field(least: usize, most: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just("*".to_owned()),
        3 => (least..=most).prop_map(|value| value.to_string()),
        2 => prop::collection::vec(least..=most, 1..4).prop_map(|values| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
        1 => (least..=most, least..=most).prop_map(|(one, other)| format!("{}-{}", one.min(other), one.max(other))),
        1 => (least..=most, 1..20_usize).prop_map(|(start, step)| format!("{start}/{step}")),
    ]
}

fn days() -> impl Strategy<Value = (String, String)> {
    let open = || "?".to_owned();
    prop_oneof![
        3 => field(1, 31).prop_map(move |days| (days, open())),
        1 => Just(("L".to_owned(), "?".to_owned())),
        1 => Just(("LW".to_owned(), "?".to_owned())),
        1 => (1..=31).prop_map(move |day| (format!("{day}W"), "?".to_owned())),
        3 => field(1, 7).prop_map(|days| ("?".to_owned(), days)),
        1 => (1..=7).prop_map(|day| ("?".to_owned(), format!("{day}L"))),
        1 => (1..=7, 1..=5).prop_map(|(day, nth)| ("?".to_owned(), format!("{day}#{nth}"))),
    ]
}

fn years() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just("*".to_owned()), 1 => field(2020, 2199)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4_000) })]

    #[test]
    fn every_description_is_a_phrase_that_means_the_same(
        minute in field(0, 59), hour in field(0, 23), (of_month, of_week) in days(), month in field(1, 12), year in years()
    ) {
        let expression: CronExpression = format!("{minute} {hour} {of_month} {month} {of_week} {year}").parse().unwrap();
        let described = expression.describe();
        let back = phrase(&described);
        prop_assert!(back.is_ok(), "{expression}: {described}: {back:?}");
        let back = back.unwrap();
        prop_assert_eq!(meaning(&back.expression), meaning(&expression), "{}: {}: {}", expression, described, back.expression);
        prop_assert_eq!(back.expression.describe(), described);
    }

    #[test]
    fn any_text_is_a_phrase_or_an_error_in_words(text in any::<String>()) {
        if let Err(error) = phrase(&text) {
            prop_assert!(error.to_string().len() < 1_000);
        }
    }

    #[test]
    fn words_of_phrases_in_any_order_never_panic(
        picked in prop::collection::vec(prop::sample::select(vec![
            "every", "at", "on", "in", "the", "last", "first", "5th", "day", "days", "weekday", "business", "month", "of", "and", ",", "through", "from", "08:00",
            "8", "31", "0", "99", "2030", "minutes", "minute", "hours", "hour", "past", "Monday", "mon-fri", "fri-", "-", "July", "quarter", "noon", "pm", "UTC",
        ]), 0..12)
    ) {
        let _ = phrase(&picked.join(" "));
    }
}

/// Which local minutes it names; every day is the same by month and by week.
fn meaning(expression: &CronExpression) -> String {
    let described = expression.describe();
    let Calendar { minutes, hours, months, years, .. } = expression.calendar();
    format!("{minutes:x} {hours:x} {months:x} {years:x?} {described}")
}
