//! `[limits]`: what one caller may ask for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits on callers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Requests a minute for each key, of all nodes together on PostgreSQL; 0 is no limit.
    pub requests_per_minute: u32,
    /// Tokens that open nothing at one node and come from one address in a minute, at the API and at the sign-in page, before further ones are
    /// answered 429; 0 is no limit, and so is `requests_per_minute = 0`.
    pub failed_authentications_per_minute: u32,
    /// Largest request body in KiB.
    pub body_kib: usize,
    /// Time a request has until its answer begins, a slow body included.
    pub request_seconds: u32,
    /// Time a client has to send a request's head, and an idle connection to begin the next.
    pub header_seconds: u32,
    /// Time a client may leave an answer unread.
    pub write_seconds: u32,
    /// Connections at once; further ones wait.
    pub connections: usize,
    /// Connections of one client at once (an IPv4 address, or an IPv6 network of 64 bits); further ones are closed. Behind a reverse proxy,
    /// which is one client, it may be as high as `connections`.
    pub connections_per_peer: usize,
    /// Recipients of one schedule that a member saves.
    pub recipients: usize,
    /// Recipients of one schedule that an admin or an organization key saves.
    pub admin_recipients: usize,
    /// Recipients without a login of one schedule that a member saves.
    pub outside_recipients: usize,
    /// Schedules of one member; admins and organization keys make more.
    pub schedules_per_member: u64,
    /// Test deliveries (`testNow`) that one member makes within 24 hours; admins and organization keys make more.
    pub test_deliveries_per_day: u64,
    /// Subscriptions, requests to subscribe and offers of schedules that one member makes within 24 hours, each of which mails somebody else;
    /// admins and organization keys make more.
    pub asks_per_day: u32,
    /// Characters of a schedule's name.
    pub name_characters: usize,
    /// Characters of a mail's subject.
    pub subject_characters: usize,
    /// KiB of a message's text.
    pub text_kib: usize,
    /// KiB of a schedule's filters, as JSON.
    pub filters_kib: usize,
    /// Dashboards made at once for people who are signed in; others wait a little.
    pub pages: usize,
    /// How many more of them may wait; the rest are turned away, and one person has half of the places at most.
    pub pages_waiting: usize,
    /// Dashboards made at once for links without a login; others wait a little. Readers who may see the same share one that is at most a
    /// minute old.
    pub link_pages: usize,
    /// How many more of them may wait, taking turns by schedule and by reader; the rest are turned away (503). The links of one schedule have half
    /// of the places at most, and one of its readers a quarter.
    pub link_pages_waiting: usize,
    /// How long one of them waits for its turn; a page may take a minute more, and has a hundred seconds in all.
    pub link_wait_seconds: u32,
}

impl Limits {
    /// What of them the API keeps to.
    pub(crate) fn api(&self) -> pressrun_api::Limits {
        pressrun_api::Limits {
            recipients: self.recipients,
            admin_recipients: self.admin_recipients,
            outside_recipients: self.outside_recipients,
            schedules_per_member: self.schedules_per_member,
            test_deliveries_per_day: self.test_deliveries_per_day,
            asks_per_day: self.asks_per_day,
            name_characters: self.name_characters,
            subject_characters: self.subject_characters,
            text_bytes: self.text_kib << 10,
            filters_bytes: self.filters_kib << 10,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let api = pressrun_api::Limits::default();
        Self {
            requests_per_minute: 60,
            failed_authentications_per_minute: 60,
            body_kib: 1024,
            request_seconds: 30,
            header_seconds: 15,
            write_seconds: 30,
            connections: 1024,
            connections_per_peer: 256,
            recipients: api.recipients,
            admin_recipients: api.admin_recipients,
            outside_recipients: api.outside_recipients,
            schedules_per_member: api.schedules_per_member,
            test_deliveries_per_day: api.test_deliveries_per_day,
            asks_per_day: api.asks_per_day,
            name_characters: api.name_characters,
            subject_characters: api.subject_characters,
            text_kib: api.text_bytes >> 10,
            filters_kib: api.filters_bytes >> 10,
            pages: 2,
            pages_waiting: 30,
            link_pages: 2,
            link_pages_waiting: 510,
            link_wait_seconds: 40,
        }
    }
}
