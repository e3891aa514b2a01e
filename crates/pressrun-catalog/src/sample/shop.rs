//! The shop behind the sample: who buys what, when and how it ends.

use jiff::civil::Date;
use jiff::{ToSpan as _, tz::TimeZone};

use super::random::Random;

const FIRST_DAY: Date = Date::constant(2023, 11, 24);
const DAYS: usize = 1096;

/// One order.
pub(super) struct Order {
    /// Seconds since the epoch.
    pub(super) second: i64,
    pub(super) customer: String,
    pub(super) country: &'static str,
    pub(super) region: &'static str,
    pub(super) category: &'static str,
    pub(super) product: &'static str,
    pub(super) channel: &'static str,
    pub(super) status: &'static str,
    pub(super) quantity: i32,
    pub(super) price_cents: i64,
    pub(super) cost_cents: i64,
    pub(super) discount_cents: Option<i64>,
    pub(super) refunded_cents: Option<i64>,
    pub(super) rating: Option<i32>,
    pub(super) is_first: bool,
}

/// The days from 2023-11-24 to 2026-11-23, each with its share of the orders.
pub(super) struct Calendar {
    orders: u64,
    weights: Vec<f64>,
    total: f64,
    at: usize,
    passed: f64,
    given: u64,
}

impl Calendar {
    pub(super) fn new(orders: u64) -> Self {
        let weights: Vec<f64> = (0..DAYS).map(|at| Self::weight(day(at), at)).collect();
        let total = weights.iter().sum();
        Self { orders, weights, total, at: 0, passed: 0.0, given: 0 }
    }

    /// How busy a day is: growth, the year's rhythm, quiet weekends, Black Friday, and a little chance.
    pub(super) fn weight(day: Date, at: usize) -> f64 {
        const BY_MONTH: [f64; 12] = [0.88, 0.86, 0.95, 0.97, 1.0, 0.98, 0.9, 0.88, 1.02, 1.08, 1.28, 1.36];
        let growth = 1.0 + 0.8 * at as f64 / DAYS as f64;
        let month = BY_MONTH.get((day.month() - 1) as usize).copied().unwrap_or(1.0);
        let weekday = match day.weekday().to_monday_one_offset() {
            6 => 0.66,
            7 => 0.58,
            1 => 1.12,
            5 => 1.06,
            _ => 1.0,
        };
        let event = match (day.month(), day.day()) {
            (11, 24..=29) => 1.7,
            (12, 24..=26) => 0.45,
            (1, 1) => 0.4,
            _ => 1.0,
        };
        let chance = 0.93 + 0.14 * Random::new(at as u64).unit();
        growth * month * weekday * event * chance
    }
}

fn day(at: usize) -> Date {
    FIRST_DAY.saturating_add((at as i64).days())
}

impl Iterator for Calendar {
    type Item = (Date, u64);

    fn next(&mut self) -> Option<(Date, u64)> {
        let weight = self.weights.get(self.at)?;
        self.passed += weight;
        self.at += 1;
        // What is given by now follows the weights passed by now, so the last day makes the sum exact.
        let due = if self.at == DAYS { self.orders } else { (self.orders as f64 * self.passed / self.total) as u64 };
        let orders = due.saturating_sub(self.given);
        self.given += orders;
        Some((day(self.at - 1), orders))
    }
}

struct Country {
    name: &'static str,
    region: &'static str,
    weight: f64,
    /// Hours that local time is ahead of UTC; daylight saving does not matter here.
    ahead: i64,
    given: &'static [&'static str],
    family: &'static [&'static str],
    family_first: bool,
}

const ENGLISH: (&[&str], &[&str]) = (
    &["Ava", "Liam", "Noah", "Emma", "Olivia", "Mason", "Harper", "Ethan", "Zoe", "Caleb", "Ruby", "Owen"],
    &["Smith", "Johnson", "O'Neill", "Carter", "Nguyen", "Baker", "Murphy", "Reed", "Hughes", "Walker", "Price", "Young"],
);

const COUNTRIES: [Country; 14] = [
    country("United States", "US", 41.0, -6, ENGLISH.0, ENGLISH.1, false),
    country(
        "Germany",
        "EU",
        9.0,
        1,
        &["Jürgen", "Käthe", "Björn", "Anna", "Lukas", "Sören"],
        &["Müller", "Groß", "Schäfer", "Weiß", "König", "Vogt"],
        false,
    ),
    country(
        "France",
        "EU",
        7.0,
        1,
        &["Zoé", "Élodie", "François", "Anaïs", "Hugo", "Loïc"],
        &["Lefèvre", "Béranger", "Dubois", "Garçon", "Noël", "Petit"],
        false,
    ),
    country("United Kingdom", "EU", 6.5, 0, ENGLISH.0, ENGLISH.1, false),
    country("Poland", "EU", 3.5, 1, &["Łukasz", "Małgorzata", "Zofia", "Paweł"], &["Wiśniewski", "Dąbrowska", "Wójcik", "Zając"], false),
    country("Sweden", "EU", 2.5, 1, &["Åsa", "Örjan", "Maja", "Nils"], &["Sjöberg", "Åkesson", "Lindström", "Öberg"], false),
    country("Greece", "EU", 1.5, 2, &["Ελένη", "Νίκος", "Μαρία", "Γιώργος"], &["Παπαδόπουλος", "Δημητρίου", "Αγγέλου"], false),
    country(
        "Japan",
        "APAC",
        6.5,
        9,
        &["さくら", "健太", "美咲", "大輔", "陽菜", "翔", "結衣", "拓海", "葵", "蓮"],
        &["佐藤", "鈴木", "高橋", "渡辺", "山本", "中村", "小林", "加藤", "吉田", "山田"],
        true,
    ),
    country(
        "South Korea",
        "APAC",
        3.5,
        9,
        &["서연", "민준", "지우", "도윤", "하은", "시우", "예린", "준서"],
        &["김", "이", "박", "최", "정", "강", "조", "윤"],
        true,
    ),
    country("Australia", "APAC", 4.5, 10, ENGLISH.0, ENGLISH.1, false),
    country("India", "APAC", 3.0, 5, &["Aarav", "Diya", "Ishaan", "Meera", "Rohan"], &["Sharma", "Iyer", "Patel", "Khan", "Reddy"], false),
    country("Brazil", "LATAM", 5.5, -3, &["João", "Conceição", "Antônio", "Luíza"], &["Gonçalves", "Araújo", "Simões", "Assunção"], false),
    country("Mexico", "LATAM", 3.5, -6, &["José", "Sofía", "Íñigo", "Ximena"], &["Hernández", "Núñez", "Ibáñez", "Peña"], false),
    country("Argentina", "LATAM", 2.0, -3, &["Martín", "Agustín", "Lucía", "Belén"], &["Fernández", "Gómez", "Suárez", "Benítez"], false),
];

const fn country(
    name: &'static str,
    region: &'static str,
    weight: f64,
    ahead: i64,
    given: &'static [&'static str],
    family: &'static [&'static str],
    family_first: bool,
) -> Country {
    Country { name, region, weight, ahead, given, family, family_first }
}

/// Category, product, price in cents, weight, growth of its weight over the three years.
const PRODUCTS: [(&str, &str, i64, f64, f64); 18] = [
    ("Kitchen", "Chef's knife", 8_900, 8.0, 0.2),
    ("Kitchen", "Crème brûlée torch", 4_450, 4.0, 0.1),
    ("Kitchen", "Cast-iron pan", 6_200, 7.0, 0.0),
    ("Kitchen", "Rice cooker", 11_900, 5.0, 0.6),
    ("Coffee", "Espresso machine", 48_900, 4.0, 0.5),
    ("Coffee", "Burr grinder", 15_900, 6.0, 0.4),
    ("Coffee", "Beans, 1 kg", 2_350, 16.0, 0.7),
    ("Coffee", "Pour-over kettle", 7_950, 6.0, 0.3),
    ("Garden", "Herb planter", 3_400, 7.0, 0.1),
    ("Garden", "Solar lanterns", 2_990, 6.0, 0.2),
    ("Garden", "Robot mower", 89_900, 1.6, 0.9),
    ("Office", "Standing desk", 52_500, 3.0, -0.2),
    ("Office", "Desk lamp", 5_900, 7.0, -0.1),
    ("Office", "Notebook, dotted", 1_450, 14.0, -0.3),
    ("Travel", "Cabin suitcase", 17_900, 5.0, 0.5),
    ("Travel", "Packing cubes", 3_900, 8.0, 0.4),
    ("Travel", "Noise-cancelling headphones", 27_900, 5.0, 0.6),
    ("Travel", "Universal adapter", 2_490, 8.0, 0.2),
];

const CHANNELS: [(&str, f64, f64); 4] = [("Web", 44.0, -0.1), ("Mobile app", 27.0, 0.9), ("Retail", 20.0, -0.4), ("Partner", 9.0, 0.3)];

/// Share of a day's orders by local hour.
const BY_HOUR: [f64; 24] =
    [0.8, 0.5, 0.3, 0.2, 0.2, 0.4, 0.9, 1.8, 3.0, 4.2, 5.2, 5.8, 6.4, 5.8, 5.2, 5.0, 5.2, 5.8, 6.6, 7.4, 7.8, 6.4, 4.0, 2.0];

/// Makes the orders of one day after another.
pub(super) struct Shop {
    random: Random,
}

impl Shop {
    pub(super) fn new(random: Random) -> Self {
        Self { random }
    }

    /// The orders of one day in order of time.
    pub(super) fn day(&mut self, day: Date, orders: u64) -> Vec<Order> {
        let midnight = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).map_or(0, jiff::Timestamp::as_second);
        let age = f64::from((day - FIRST_DAY).get_days()) / DAYS as f64;
        let mut made: Vec<Order> = (0..orders).map(|_| self.order(midnight, age)).collect();
        made.sort_by_key(|order| order.second);
        made
    }

    fn order(&mut self, midnight: i64, age: f64) -> Order {
        let random = &mut self.random;
        let country = &COUNTRIES[random.weighted(&COUNTRIES.each_ref().map(|country| country.weight))];
        let (category, product, unit_cents, ..) =
            PRODUCTS[random.weighted(&PRODUCTS.map(|(.., weight, growth)| weight * (1.0 + growth * age)))];
        let (channel, ..) = CHANNELS[random.weighted(&CHANNELS.map(|(_, weight, growth)| weight * (1.0 + growth * age)))];
        let local_hour = random.weighted(&BY_HOUR) as i64;
        let second = midnight + (local_hour - country.ahead).rem_euclid(24) * 3_600 + random.below(3_600) as i64;

        let quantity = 1 + random.weighted(&[70.0, 18.0, 7.0, 3.0, 2.0]) as i64;
        let full_cents = unit_cents * quantity;
        let discount_cents = random.chance(0.22).then(|| full_cents * (5 + 5 * random.below(4) as i64) / 100);
        let price_cents = full_cents - discount_cents.unwrap_or(0);
        let fresh = age > 0.985;
        let status = match random.weighted(&if fresh { [30.0, 34.0, 30.0, 3.0, 3.0] } else { [76.0, 11.0, 3.5, 5.5, 4.0] }) {
            0 => "completed",
            1 => "active",
            2 => "pending",
            3 => "refunded",
            _ => "cancelled",
        };
        let refunded_cents = (status == "refunded").then(|| if random.chance(0.7) { price_cents } else { price_cents / 2 });
        let rating = (status == "completed" && random.chance(0.42)).then(|| 5 - random.weighted(&[52.0, 29.0, 11.0, 5.0, 3.0]) as i32);
        let customer = Self::customer(random, country);
        Order {
            second,
            customer,
            country: country.name,
            region: country.region,
            category,
            product,
            channel,
            status,
            quantity: quantity as i32,
            price_cents,
            cost_cents: full_cents * (52 + random.below(14) as i64) / 100,
            discount_cents,
            refunded_cents,
            rating,
            is_first: random.chance(0.46 - 0.2 * age),
        }
    }

    fn customer(random: &mut Random, country: &Country) -> String {
        let mut pick = |names: &[&'static str]| {
            // Squared, so that some customers come often.
            let at = (random.unit() * random.unit() * names.len() as f64) as usize;
            names.get(at).copied().unwrap_or_default()
        };
        let (given, family) = (pick(country.given), pick(country.family));
        // An initial makes few names many; names that are written family first have none.
        let initial = (!country.family_first && random.chance(0.55)).then(|| char::from(b'A' + random.below(26) as u8));
        match (country.family_first, initial) {
            (true, _) if country.name == "South Korea" => format!("{family}{given}"),
            (true, _) => format!("{family} {given}"),
            (false, Some(initial)) => format!("{given} {initial}. {family}"),
            (false, None) => format!("{given} {family}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_share_out_all_orders() {
        let days: Vec<(Date, u64)> = Calendar::new(200_000).collect();
        assert_eq!(days.iter().map(|(_, orders)| orders).sum::<u64>(), 200_000);
        assert_eq!(days.first().map(|(day, _)| *day), Some(Date::constant(2023, 11, 24)));
        assert_eq!(days.last().map(|(day, _)| *day), Some(Date::constant(2026, 11, 23)));
        assert!(days.iter().all(|(_, orders)| *orders > 20));
    }

    #[test]
    fn orders_stay_inside_their_day_and_make_sense() {
        let mut shop = Shop::new(Random::new(1));
        let day = Date::constant(2026, 11, 23);
        let midnight = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).map_or(0, jiff::Timestamp::as_second);
        for order in shop.day(day, 500) {
            assert!((midnight..midnight + 86_400).contains(&order.second));
            assert!(order.price_cents > 0 && order.quantity > 0 && !order.customer.trim().is_empty());
            assert_eq!(order.refunded_cents.is_some(), order.status == "refunded");
            assert!(order.rating.is_none_or(|rating| (1..=5).contains(&rating)));
        }
    }
}
