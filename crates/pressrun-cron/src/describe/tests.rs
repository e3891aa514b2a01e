use crate::CronExpression;

#[test]
fn descriptions_say_what_the_expression_means() {
    for (expression, expected) in [
        ("0 9 ? * MON-FRI *", "At 09:00 on Monday through Friday"),
        ("00 09 ? * 2,3,4,5,6 *", "At 09:00 on Monday through Friday"),
        ("0 9 ? * * *", "At 09:00 every day"),
        ("0 9 1/1 * ? *", "At 09:00 every day"),
        ("0 0 ? * MON *", "At 00:00 on Monday"),
        ("0 */6 * * ? *", "Every 6 hours"),
        ("15 */6 * * ? *", "Every 6 hours from 00:15"),
        ("0 0 1 1 ? 2099", "At 00:00 on 1 January 2099"),
        ("0 0 1 1 ? *", "At 00:00 on 1 January"),
        (
            "0 0 1 1 ? 2099-2103",
            "At 00:00 on 1 January in 2099 through 2103",
        ),
        ("30 6 L * ? *", "At 06:30 on the last day of the month"),
        (
            "0 8 15W * ? *",
            "At 08:00 on the weekday nearest day 15 of the month",
        ),
        ("0 8 LW * ? *", "At 08:00 on the last weekday of the month"),
        (
            "0 10 ? * 3#2 *",
            "At 10:00 on the second Tuesday of the month",
        ),
        (
            "15 10 ? * 6L 2022-2023",
            "At 10:15 on the last Friday of the month in 2022 and 2023",
        ),
        (
            "0 12 1/10 * ? *",
            "At 12:00 on days 1, 11, 21 and 31 of the month",
        ),
        ("0 12 5 * ? *", "At 12:00 on day 5 of the month"),
        (
            "0 12 5 3,6,9,12 ? *",
            "At 12:00 on day 5 of the month in March, June, September and December",
        ),
        (
            "0 12 5-9 NOV-FEB ? *",
            "At 12:00 on days 5 through 9 of the month in January, February, November and December",
        ),
        ("* * * * ? *", "Every minute"),
        ("0 * * * ? *", "Every hour"),
        ("1 * * * ? *", "At 1 minute past every hour"),
        ("20 * * * ? *", "At 20 minutes past every hour"),
        ("5,50 * * * ? *", "At minutes 5 and 50 of every hour"),
        ("0/15 * * * ? *", "Every 15 minutes"),
        (
            "0/15 * ? * SAT,SUN *",
            "Every 15 minutes on Saturday and Sunday",
        ),
        ("0 8,17 * * ? *", "At 08:00 and 17:00 every day"),
        ("0,30 9 * * ? *", "At 09:00 and 09:30 every day"),
        (
            "0/15 9-17 ? * 2-6 *",
            "Every 15 minutes from 09:00 through 17:45 on Monday through Friday",
        ),
        (
            "0 8-18/2 ? * * *",
            "At 08:00, 10:00, 12:00, 14:00, 16:00 and 18:00 every day",
        ),
        (
            "0 6-22/2 ? * * *",
            "Every 2 hours from 06:00 through 22:00 every day",
        ),
        (
            "5 8-18 ? * * *",
            "Every hour from 08:05 through 18:05 every day",
        ),
        (
            "* 9 ? * * *",
            "Every minute from 09:00 through 09:59 every day",
        ),
        (
            "0/30 20-2 ? * MON-FRI *",
            "At minutes 0 and 30 of hours 0 through 2 and 20 through 23 on Monday through Friday",
        ),
        (
            "0 20-4 ? * * *",
            "On the hour in hours 0 through 4 and 20 through 23 every day",
        ),
        (
            "7 20-4 ? * * *",
            "At minute 7 of hours 0 through 4 and 20 through 23 every day",
        ),
        (
            "* 20-4 ? * * *",
            "Every minute of hours 0 through 4 and 20 through 23 every day",
        ),
        ("0 9 ? * FRI-MON *", "At 09:00 on Friday through Monday"),
        ("0 9 ? * SUN,MON *", "At 09:00 on Sunday and Monday"),
        ("0 9 ? * SAT,SUN *", "At 09:00 on Saturday and Sunday"),
        (
            "0 9 ? * MON,WED,FRI *",
            "At 09:00 on Monday, Wednesday and Friday",
        ),
        ("0 9 ? * SUN-FRI *", "At 09:00 on Sunday through Friday"),
        ("0 9 ? * TUE-SUN *", "At 09:00 on Tuesday through Sunday"),
        (
            "0 9 ? * SUN-MON,WED *",
            "At 09:00 on Sunday, Monday and Wednesday",
        ),
        ("0 9 ? * L *", "At 09:00 on Saturday"),
        (
            "0 0 31 2 ? *",
            "At 00:00 on 31 February (never: no such date)",
        ),
        ("0 0 29 2 ? *", "At 00:00 on 29 February"),
    ] {
        let parsed: CronExpression = expression.parse().unwrap();
        assert_eq!(parsed.describe(), expected, "{expression}");
    }
}
