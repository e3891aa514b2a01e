//! Every invalid form of contract §3, with its reason.

use pressrun_cron::{CronError, CronExpression, DayFields, FieldFault, FieldName};

fn refusal(text: &str) -> CronError {
    match text.parse::<CronExpression>() {
        Ok(_) => panic!("`{text}` was accepted"),
        Err(error) => error,
    }
}

#[test]
fn t1_only_six_fields_are_accepted() {
    for (text, found) in
        [("", 0), ("   ", 0), ("0", 1), ("0 9 * * MON", 5), ("0 9 * * ?", 5), ("0 0 9 * * ? *", 7), ("0 9 ? * * * # comment", 8)]
    {
        assert_eq!(refusal(text), CronError::WrongFieldCount { found }, "{text}");
    }
}

#[test]
fn macros_and_wrappers_are_refused() {
    for text in ["@daily", "@hourly", "@every 5m"] {
        let text_of_macro = text.split(' ').next().unwrap().to_owned();
        assert_eq!(refusal(text), CronError::Macro { text: text_of_macro });
    }
    for text in ["cron(0 9 ? * * *)", "rate(5 minutes)", "at(2026-01-01T00:00:00)", "(0 9 ? * * *)"] {
        assert_eq!(refusal(text), CronError::Wrapped, "{text}");
    }
}

#[test]
fn t4_exactly_one_day_field_is_open() {
    for (text, expected) in [
        ("0 9 * * * *", DayFields::BothGiven),
        ("0 9 1 * MON *", DayFields::BothGiven),
        ("0 9 * * MON *", DayFields::BothGiven),
        ("0 9 1 * * *", DayFields::BothGiven),
        ("0 9 L * 6L *", DayFields::BothGiven),
        ("0 9 ? * ? *", DayFields::BothOpen),
    ] {
        assert_eq!(refusal(text), CronError::DayFieldsConflict(expected), "{text}");
    }
}

#[test]
fn each_fault_of_a_field_has_its_reason() {
    use FieldFault as Fault;
    use FieldName::{DayOfMonth, DayOfWeek, Hour, Minute, Month, Year};
    for (text, field, piece, fault) in [
        // Out of range
        ("60 9 ? * * *", Minute, "60", Fault::OutOfRange),
        ("0 24 ? * * *", Hour, "24", Fault::OutOfRange),
        ("0 9 0 * ? *", DayOfMonth, "0", Fault::OutOfRange),
        ("0 9 32 * ? *", DayOfMonth, "32", Fault::OutOfRange),
        ("0 9 ? 0 * *", Month, "0", Fault::OutOfRange),
        ("0 9 ? 13 * *", Month, "13", Fault::OutOfRange),
        ("0 9 ? * 0 *", DayOfWeek, "0", Fault::OutOfRange),
        ("0 9 ? * 8 *", DayOfWeek, "8", Fault::OutOfRange),
        ("0 9 ? * * 1969", Year, "1969", Fault::OutOfRange),
        ("0 9 ? * * 2200", Year, "2200", Fault::OutOfRange),
        ("0 9 ? * * 2199-2200", Year, "2199-2200", Fault::OutOfRange),
        ("99999999999999999999999999 9 ? * * *", Minute, "99999999999999999999999999", Fault::OutOfRange),
        ("0 9 0W * ? *", DayOfMonth, "0W", Fault::OutOfRange),
        ("0 9 32W * ? *", DayOfMonth, "32W", Fault::OutOfRange),
        ("0 9 ? * 8L *", DayOfWeek, "8L", Fault::OutOfRange),
        ("0 9 ? * 0#1 *", DayOfWeek, "0#1", Fault::OutOfRange),
        ("0 9 ? * 0-6 *", DayOfWeek, "0-6", Fault::OutOfRange),
        // Not a value
        ("MON 9 ? * * *", Minute, "MON", Fault::NotAValue),
        ("0 JAN ? * * *", Hour, "JAN", Fault::NotAValue),
        ("0 9 MON * ? *", DayOfMonth, "MON", Fault::NotAValue),
        ("0 9 ? MON * *", Month, "MON", Fault::NotAValue),
        ("0 9 ? * JAN *", DayOfWeek, "JAN", Fault::NotAValue),
        ("0 9 ? * MONDAY *", DayOfWeek, "MONDAY", Fault::NotAValue),
        ("0 9 ? JANUARY * *", Month, "JANUARY", Fault::NotAValue),
        ("0 9 ? * MO *", DayOfWeek, "MO", Fault::NotAValue),
        ("1.5 9 ? * * *", Minute, "1.5", Fault::NotAValue),
        ("+5 9 ? * * *", Minute, "+5", Fault::NotAValue),
        ("0x5 9 ? * * *", Minute, "0x5", Fault::NotAValue),
        ("٥ 9 ? * * *", Minute, "٥", Fault::NotAValue),
        ("0\u{a0} 9 ? * * *", Minute, "0\u{a0}", Fault::NotAValue),
        ("** 9 ? * * *", Minute, "**", Fault::NotAValue),
        ("5* 9 ? * * *", Minute, "5*", Fault::NotAValue),
        // Ranges
        ("-5 9 ? * * *", Minute, "-5", Fault::BadRange),
        ("5- 9 ? * * *", Minute, "5-", Fault::BadRange),
        ("- 9 ? * * *", Minute, "-", Fault::BadRange),
        ("1-2-3 9 ? * * *", Minute, "1-2-3", Fault::BadRange),
        ("*-5 9 ? * * *", Minute, "*-5", Fault::BadRange),
        ("5-* 9 ? * * *", Minute, "5-*", Fault::BadRange),
        ("0 9 -1 * ? *", DayOfMonth, "-1", Fault::BadRange),
        ("0 9 ? * * 2030-2026", Year, "2030-2026", Fault::ReversedYears),
        // Lists
        (", 9 ? * * *", Minute, ",", Fault::EmptyItem),
        ("1, 9 ? * * *", Minute, "1,", Fault::EmptyItem),
        (",1 9 ? * * *", Minute, ",1", Fault::EmptyItem),
        ("1,,2 9 ? * * *", Minute, "1,,2", Fault::EmptyItem),
        // Steps
        ("/15 9 ? * * *", Minute, "/15", Fault::MissingStart),
        ("15/ 9 ? * * *", Minute, "15/", Fault::BadStep),
        ("*/0 9 ? * * *", Minute, "*/0", Fault::BadStep),
        ("*/00 9 ? * * *", Minute, "*/00", Fault::BadStep),
        ("*/-5 9 ? * * *", Minute, "*/-5", Fault::BadStep),
        ("*/1.5 9 ? * * *", Minute, "*/1.5", Fault::BadStep),
        ("*/2/3 9 ? * * *", Minute, "*/2/3", Fault::BadStep),
        ("*/* 9 ? * * *", Minute, "*/*", Fault::BadStep),
        ("0 9 ? JAN/FEB * *", Month, "JAN/FEB", Fault::BadStep),
        // `?`
        ("? 9 ? * * *", Minute, "?", Fault::OpenNotAllowed),
        ("0 ? ? * * *", Hour, "?", Fault::OpenNotAllowed),
        ("0 9 ? ? * *", Month, "?", Fault::OpenNotAllowed),
        ("0 9 ? * * ?", Year, "?", Fault::OpenNotAllowed),
        ("0 9 ?,5 * ? *", DayOfMonth, "?,5", Fault::OpenNotAlone),
        ("0 9 ?/2 * ? *", DayOfMonth, "?/2", Fault::OpenNotAlone),
        ("0 9 ?? * * *", DayOfMonth, "??", Fault::OpenNotAlone),
        ("0 9 ? * ?,MON *", DayOfWeek, "?,MON", Fault::OpenNotAlone),
        // `L`, `W`, `#`
        ("0 9 L,15 * ? *", DayOfMonth, "L,15", Fault::SpecialNotAlone),
        ("0 9 1,15W * ? *", DayOfMonth, "1,15W", Fault::SpecialNotAlone),
        ("0 9 15W,16W * ? *", DayOfMonth, "15W,16W", Fault::SpecialNotAlone),
        ("0 9 1-15W * ? *", DayOfMonth, "1-15W", Fault::SpecialNotAlone),
        ("0 9 15W/2 * ? *", DayOfMonth, "15W/2", Fault::SpecialNotAlone),
        ("0 9 1-L * ? *", DayOfMonth, "1-L", Fault::SpecialNotAlone),
        ("0 9 L-3 * ? *", DayOfMonth, "L-3", Fault::OffsetFromLast),
        ("0 9 ? * 6L,2L *", DayOfWeek, "6L,2L", Fault::SpecialNotAlone),
        ("0 9 ? * MON,WED#2 *", DayOfWeek, "MON,WED#2", Fault::SpecialNotAlone),
        ("0 9 ? * 3#1,6#3 *", DayOfWeek, "3#1,6#3", Fault::SpecialNotAlone),
        ("0 9 ? * MON-WED#2 *", DayOfWeek, "MON-WED#2", Fault::SpecialNotAlone),
        ("0 9 ? * 3#1/2 *", DayOfWeek, "3#1/2", Fault::SpecialNotAlone),
        ("0 9 5L * ? *", DayOfMonth, "5L", Fault::SpecialNotAllowed),
        ("0 9 3#2 * ? *", DayOfMonth, "3#2", Fault::SpecialNotAllowed),
        ("0 9 W * ? *", DayOfMonth, "W", Fault::NotAValue),
        ("0 9 WL * ? *", DayOfMonth, "WL", Fault::NotAValue),
        ("0 9 ? * 2W *", DayOfWeek, "2W", Fault::SpecialNotAllowed),
        ("0 9 ? * LW *", DayOfWeek, "LW", Fault::SpecialNotAllowed),
        ("L 9 ? * * *", Minute, "L", Fault::SpecialNotAllowed),
        ("0 9 ? L * *", Month, "L", Fault::SpecialNotAllowed),
        ("0 9 ? 2#1 * *", Month, "2#1", Fault::SpecialNotAllowed),
        ("0 9 ? * 3#0 *", DayOfWeek, "3#0", Fault::BadOrdinal),
        ("0 9 ? * 3#6 *", DayOfWeek, "3#6", Fault::BadOrdinal),
        ("0 9 ? * 3# *", DayOfWeek, "3#", Fault::BadOrdinal),
        ("0 9 ? * 3#2#1 *", DayOfWeek, "3#2#1", Fault::BadOrdinal),
        ("0 9 ? * #2 *", DayOfWeek, "#2", Fault::NotAValue),
    ] {
        let CronError::Field(error) = refusal(text) else {
            panic!("`{text}`: not the fault of a field");
        };
        assert_eq!((error.field, error.text.as_str(), error.fault), (field, piece, fault), "{text}");
    }
}

#[test]
fn messages_say_what_to_change() {
    for (text, expected) in [
        (
            "0 9 * * MON",
            "a cron expression has six fields, `minute hour day-of-month month day-of-week year`, and this one has 5: \
             end it with a year (`*` for every year), and put `?` in one of the day fields",
        ),
        ("0 9 1 * MON *", "day-of-month and day-of-week cannot both choose the days: put `?` in the one that should not"),
        ("61 9 ? * * *", "minute `61`: the number is out of range; minute takes 0-59 with `,` `-` `*` `/`"),
        (
            "0 9 ? * 0 *",
            "day-of-week `0`: the number is out of range; day-of-week takes 1-7 (1 is Sunday) or SUN-SAT with \
             `,` `-` `*` `/`, or one of `?` `L` `6L` `3#2` as the whole field",
        ),
    ] {
        assert_eq!(refusal(text).to_string(), expected);
    }
}

#[test]
fn a_long_fault_is_cut_in_the_message() {
    let message = refusal(&format!("{} 9 ? * * *", "é".repeat(100_000))).to_string();
    assert!(message.len() < 300, "{}", message.len());
}
