use super::*;

const EVERY_YEAR: [u64; 4] = [u64::MAX, u64::MAX, u64::MAX, (1 << 38) - 1];

fn calendar(days: Days, months: u16) -> Calendar {
    Calendar::new(1, 1, days, months, EVERY_YEAR)
}

#[test]
fn t5_days_of_a_month_are_those_of_aws() {
    // (days, weekday of the 1st, length, expected)
    for (case, days, first, length, expected) in [
        ("L in a leap February", Days::LastOfMonth, 4, 29, vec![29]),
        ("LW when the last is a Saturday", Days::LastWeekday, 5, 30, vec![29]),
        ("LW when the last is a Sunday", Days::LastWeekday, 6, 30, vec![28]),
        ("1W on a Saturday stays in the month", Days::NearestWeekday(1), 6, 31, vec![3]),
        ("1W on a Sunday", Days::NearestWeekday(1), 0, 31, vec![2]),
        ("15W on a Saturday", Days::NearestWeekday(15), 6, 31, vec![14]),
        ("15W on a Sunday", Days::NearestWeekday(15), 0, 31, vec![16]),
        ("15W on a weekday", Days::NearestWeekday(15), 3, 31, vec![15]),
        ("31W on a Sunday stays in the month", Days::NearestWeekday(31), 5, 31, vec![29]),
        ("31W in a shorter month", Days::NearestWeekday(31), 1, 30, vec![]),
        ("29W in a short February", Days::NearestWeekday(29), 1, 28, vec![]),
        ("day 31 in a shorter month", Days::OfMonth(1 << 31 | 1 << 30), 1, 30, vec![30]),
        ("a fifth one that exists", Days::NthOfWeek { weekday: 1, nth: 5 }, 1, 29, vec![29]),
        ("a fifth one that does not", Days::NthOfWeek { weekday: 1, nth: 5 }, 1, 28, vec![]),
        ("the second Tuesday", Days::NthOfWeek { weekday: 2, nth: 2 }, 5, 31, vec![12]),
        ("the last Friday when there are five", Days::LastOfWeek(5), 5, 31, vec![29]),
        ("the last Friday when there are four", Days::LastOfWeek(5), 6, 31, vec![28]),
        ("weekends", Days::OfWeek(0b100_0001), 0, 28, vec![1, 7, 8, 14, 15, 21, 22, 28]),
    ] {
        let mask = days.in_month(first, length);
        let found: Vec<u32> = (0..32).filter(|day| mask & (1 << day) != 0).collect();
        assert_eq!(found, expected, "{case}");
    }
}

#[test]
fn searching_forwards_and_backwards_finds_the_same_minutes() {
    for (days, months) in [
        (Days::OfMonth(1 << 29), 1 << 1),
        (Days::NearestWeekday(29), 1 << 1),
        (Days::NthOfWeek { weekday: 0, nth: 5 }, 1 << 1),
        (Days::OfMonth(1 << 31 | 1 << 1), 0xFFF),
        (Days::LastWeekday, 1 << 11 | 1),
        (Days::OfWeek(1), 1 << 5),
    ] {
        let calendar = calendar(days, months);
        let mut forwards = Vec::new();
        let mut cursor = i64::from(i32::MIN);
        while let Some(minute) = calendar.at_or_after(cursor) {
            forwards.push(minute);
            cursor = minute + 1;
        }
        let mut backwards = Vec::new();
        let mut cursor = i64::from(i32::MAX);
        while let Some(minute) = calendar.at_or_before(cursor) {
            backwards.push(minute);
            cursor = minute - 1;
        }
        backwards.reverse();
        assert!(!forwards.is_empty(), "{days:?}");
        assert_eq!(forwards, backwards, "{days:?}");
    }
}

#[test]
fn dates_that_never_come_leave_no_months_or_years_to_search() {
    for (days, months) in [(Days::OfMonth(1 << 31), 1 << 1 | 1 << 3), (Days::OfMonth(1 << 30), 1 << 1), (Days::NearestWeekday(30), 1 << 1)]
    {
        let calendar = calendar(days, months);
        assert_eq!(calendar.live_years, [0; 4]);
        assert_eq!(calendar.at_or_after(0), None);
        assert_eq!(calendar.at_or_before(i64::from(i32::MAX)), None);
        assert_eq!(calendar.least_spacing(), None);
    }
    // 2100 is no leap year, so 55 of 230 years remain.
    let leap: u32 = calendar(Days::OfMonth(1 << 29), 1 << 1).live_years.iter().map(|word| word.count_ones()).sum();
    assert_eq!(leap, 56);
}

#[test]
fn least_spacing_is_the_shortest_distance_on_the_wall_clock() {
    let day = 24 * 60;
    for (case, minutes, hours, days, expected) in [
        ("daily", 1, 1, Days::OfWeek(0x7F), Some(day)),
        ("every minute", (1 << 60) - 1, (1 << 24) - 1, Days::OfWeek(0x7F), Some(1)),
        ("over midnight", 1, 1 << 23 | 1, Days::OfWeek(0x7F), Some(60)),
        ("not over midnight", 1, 1 << 23 | 1, Days::OfMonth(1 << 5), Some(23 * 60)),
        ("weekly", 1, 1, Days::OfWeek(1), Some(7 * day)),
        ("last day, by February", 1, 1, Days::LastOfMonth, Some(28 * day)),
        ("the 1st and the last possible", 1, 1, Days::OfMonth(1 << 1 | 1 << 29), Some(day)),
    ] {
        let calendar = Calendar::new(minutes, hours, days, 0xFFF, EVERY_YEAR);
        assert_eq!(calendar.least_spacing(), expected, "{case}");
    }
    let once = Calendar::new(1, 1, Days::OfMonth(2), 1, [1, 0, 0, 0]);
    assert_eq!(once.least_spacing(), None);
}
