//! [`Quotas`]: shares as rows that nodes hold by lease, and rates as the instant of the next.
//!
//! Everybody asks one after the other, so that what nodes say to hold never comes to more than the bound. Rows say what a node may be using, not what it was told it
//! may: a share that was lowered counts in full until its node says that it is down to it.

use std::time::Duration;

use pressrun_domain::id::WorkerId;
use pressrun_domain::quota::divide;
use sqlx::Row as _;

use super::dialect::alone;
use super::{Once, Tx};
use crate::{SHARES_LAPSE, ShareAsked, StoreError, TakeAsked, Taken};

/// How long nodes have what is too little for all, in microseconds, before others have it.
const TURN: i64 = 2_000_000;

/// A node lives now, and those that were not seen for `$2` are forgotten with all they had; the present.
const LIVES: &str = "WITH clock AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS present),
     gone AS (DELETE FROM share_holders USING clock WHERE holder <> $1 AND seen_at < clock.present - $2)
     INSERT INTO share_holders (holder, seen_at) SELECT $1, present FROM clock
     ON CONFLICT (holder) DO UPDATE SET seen_at = excluded.seen_at RETURNING seen_at";

/// What others have of some bounds.
const OTHERS: &str = "SELECT bound, holder, holds, wants FROM shares WHERE bound = ANY ($1) AND holder <> $2 ORDER BY bound, holder";

/// What a node has of them.
const OWN: &str =
    "INSERT INTO shares (bound, holder, holds, wants) SELECT bound, $1, holds, wants FROM unnest($2, $3, $4) own (bound, holds, wants)
     ON CONFLICT (bound, holder) DO UPDATE SET holds = excluded.holds, wants = excluded.wants
         WHERE (shares.holds, shares.wants) IS DISTINCT FROM (excluded.holds, excluded.wants)";

/// Of a rate `$1` that comes each `$2`, the next `$3`.
const BOOK: &str = "INSERT INTO rates (rate, next_at, taken) SELECT $1, present + $2 * $3, $3
         FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS present) clock
     ON CONFLICT (rate) DO UPDATE SET next_at = greatest(rates.next_at, excluded.next_at - $2 * $3) + $2 * $3, taken = excluded.taken
     RETURNING next_at - $2 * $3 - (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// Of a rate `$1` that comes each `$2` and of which `$3` are saved up, up to `$4`; `$5` are put back before.
const TAKE: &str = "INSERT INTO rates (rate, next_at, taken) SELECT $1, present + $2 * least($3, $4), least($3, $4)
         FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS present) clock
     ON CONFLICT (rate) DO UPDATE SET (next_at, taken) = (
         SELECT base + $2 * taken, taken FROM (
             SELECT base, greatest(0, least($4, (excluded.next_at - $2 * excluded.taken + $2 * $3 - base) / $2)) AS taken
             FROM (SELECT greatest(rates.next_at - $2 * $5, excluded.next_at - $2 * excluded.taken) AS base) old) new)
     RETURNING taken, next_at - $2 * ($3 - 1) - (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

impl Once {
    pub(super) async fn share_once(&self, holder: WorkerId, asked: &[ShareAsked]) -> Result<Vec<u32>, StoreError> {
        let mut tx = self.begin_forgettable().await?;
        alone(&mut tx, "shares").await?;
        let holder = holder.to_string();
        let present: i64 = sqlx::query(LIVES).bind(&holder).bind(micros(SHARES_LAPSE)).fetch_one(&mut *tx).await?.try_get(0)?;
        let bounds: Vec<&str> = asked.iter().map(|asked| asked.bound.as_str()).collect();
        let rows = sqlx::query(OTHERS).bind(&bounds).bind(&holder).fetch_all(&mut *tx).await?;
        let mut others = Vec::new();
        for row in &rows {
            others
                .push((row.try_get(0)?, Other { holder: row.try_get(1)?, holds: number(row.try_get(2)?), wants: number(row.try_get(3)?) }));
        }
        let turn = usize::try_from(present / TURN).unwrap_or(0);
        let (mut shares, mut own) = (Vec::new(), Vec::new());
        for asked in asked {
            let of = |(bound, other): &(&str, Other)| (*bound == asked.bound).then(|| other.clone());
            let others: Vec<Other> = others.iter().filter_map(of).collect();
            let (share, holds) = share_of(asked, &holder, &others, turn);
            shares.push(share);
            own.push((asked.bound.as_str(), holds, asked.wants));
        }
        self.keep_shares(&mut tx, &holder, &own).await?;
        tx.commit().await?;
        Ok(shares)
    }

    /// Writes down what `holder` may be using of bounds, and what it wants.
    async fn keep_shares(&self, tx: &mut Tx, holder: &str, own: &[(&str, u32, u32)]) -> Result<(), StoreError> {
        let (has, has_none): (Vec<_>, Vec<_>) = own.iter().partition(|(_, holds, wants)| *holds > 0 || *wants > 0);
        if !has.is_empty() {
            let column = |of: fn(&(&str, u32, u32)) -> u32| has.iter().map(|row| i64::from(of(row))).collect::<Vec<i64>>();
            let own = sqlx::query(OWN).bind(holder).bind(has.iter().map(|(bound, ..)| *bound).collect::<Vec<&str>>());
            own.bind(column(|(_, holds, _)| *holds)).bind(column(|(.., wants)| *wants)).execute(&mut **tx).await?;
        }
        if !has_none.is_empty() {
            let none = sqlx::query("DELETE FROM shares WHERE holder = $1 AND bound = ANY ($2)").bind(holder);
            none.bind(has_none.iter().map(|(bound, ..)| *bound).collect::<Vec<&str>>()).execute(&mut **tx).await?;
        }
        Ok(())
    }

    pub(super) async fn leave_shares_once(&self, holder: WorkerId) -> Result<(), StoreError> {
        let mut tx = self.begin_forgettable().await?;
        alone(&mut tx, "shares").await?;
        sqlx::query("DELETE FROM share_holders WHERE holder = $1").bind(holder.to_string()).execute(&mut *tx).await?;
        tx.commit().await
    }

    pub(super) async fn book_once(&self, rate: &str, between: Duration, count: u32) -> Result<Duration, StoreError> {
        let booked = sqlx::query(BOOK).bind(rate).bind(micros(between)).bind(i64::from(count)).fetch_one(&self.write).await?;
        Ok(time_until(booked.try_get(0)?))
    }

    pub(super) async fn take_once(&self, rate: &str, between: Duration, most: u32, asked: TakeAsked) -> Result<Taken, StoreError> {
        let take = sqlx::query(TAKE).bind(rate).bind(micros(between)).bind(i64::from(most));
        let taken = take.bind(i64::from(asked.wanted)).bind(i64::from(asked.unused)).fetch_one(&self.write).await?;
        Ok(Taken { count: number(taken.try_get(0)?), wait: time_until(taken.try_get(1)?) })
    }

    /// Forgets rates of which all is there again: an unknown one is as good.
    pub(super) async fn forget_rates(&self, present: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM rates WHERE next_at < $1").bind(present).execute(&self.write).await?;
        Ok(())
    }
}

/// What another node has of a bound.
#[derive(Debug, Clone)]
struct Other {
    holder: String,
    holds: u32,
    wants: u32,
}

/// The share of whoever asks, and what it may be using from now on.
fn share_of(asked: &ShareAsked, holder: &str, others: &[Other], turn: usize) -> (u32, u32) {
    // In the same order whoever asks.
    let place = others.iter().filter(|other| other.holder.as_str() < holder).count();
    let mut wants: Vec<u32> = others.iter().map(|other| other.wants).collect();
    wants.insert(place, asked.wants);
    let share = divide(asked.most, &wants, turn).get(place).copied().unwrap_or(0);
    let held_by_others = others.iter().fold(0_u32, |sum, other| sum.saturating_add(other.holds));
    let free = asked.most.saturating_sub(held_by_others);
    let share = share.min(free.max(asked.holds));
    (share, share.max(asked.holds))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn time_until(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

fn number(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}
