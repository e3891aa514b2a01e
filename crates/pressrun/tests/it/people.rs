//! People outside the company.

use pressrun_domain::audit::Verb;
use pressrun_domain::catalog::{AttributeValue, Scalar};
use pressrun_domain::destination::{Person, Recipient};
use pressrun_domain::id::RecipientId;
use pressrun_domain::users::EmailOnlyUser;
use pressrun_store::Store;

use crate::world::START;

/// Makes email-only users with these regions and puts them on a list; `None` has none set.
pub(crate) async fn email_only(store: &dyn Store, people: &[(&str, Option<&[&str]>)]) -> Vec<Recipient> {
    let many = |regions: &[&str]| AttributeValue::Many(regions.iter().map(|text| Scalar::Text((*text).into())).collect());
    let upserts = people.iter().map(|(email, regions)| {
        let set = regions.map(|regions| ("region".to_owned(), Some(many(regions))));
        (email.parse().unwrap(), set.into_iter().collect())
    });
    let users = store
        .upsert_users(&upserts.collect::<Vec<_>>(), &pressrun_store::sample::change_at(Verb::UserCreated, START.parse().unwrap()))
        .await
        .unwrap();
    let recipient =
        |user: &EmailOnlyUser| Recipient { id: RecipientId::generate(), email: user.email.clone(), person: Person::EmailOnly(user.id) };
    users.iter().map(recipient).collect()
}
