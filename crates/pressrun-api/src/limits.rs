//! How much one caller may ask for.

/// Bounds on what is saved and sent. Admins and organization keys act for the organization, so that their own lists are longer and their
/// schedules and tests are not counted. What was saved before a bound was lowered stays, and may be edited as long as it does not grow.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Recipients of one schedule; `limits.recipients`.
    pub recipients: usize,
    /// Recipients of one schedule that an admin or an organization key saves; `limits.admin_recipients`.
    pub admin_recipients: usize,
    /// Recipients of one schedule who have no login; `limits.outside_recipients`.
    pub outside_recipients: usize,
    /// Schedules of one owner; `limits.schedules_per_member`.
    pub schedules_per_member: u64,
    /// Test deliveries of one member within 24 hours; `limits.test_deliveries_per_day`.
    pub test_deliveries_per_day: u64,
    /// Subscriptions, requests to subscribe and offers of one member within 24 hours; `limits.asks_per_day`.
    pub asks_per_day: u32,
    /// Characters of a schedule's name; `limits.name_characters`.
    pub name_characters: usize,
    /// Characters of a mail's subject; `limits.subject_characters`.
    pub subject_characters: usize,
    /// Bytes of a message's text; `limits.text_kib`.
    pub text_bytes: usize,
    /// Bytes of a schedule's filters as JSON; `limits.filters_kib`.
    pub filters_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            recipients: 500,
            admin_recipients: 30_000,
            outside_recipients: 100,
            schedules_per_member: 500,
            test_deliveries_per_day: 50,
            asks_per_day: 100,
            name_characters: 255,
            subject_characters: 998,
            text_bytes: 64 * 1024,
            filters_bytes: 64 * 1024,
        }
    }
}
