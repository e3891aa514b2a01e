//! API keys.

use pressrun_domain::audit::Verb;
use pressrun_domain::id::ApiKeyId;
use pressrun_domain::key::{ApiKey, KeyKind, Scope, Scopes};

use crate::{Store, StoreError, sample};

pub async fn keys_are_found_by_their_hash_and_revoked_once<S: Store>(store: &S) {
    let older = sample::api_key(KeyKind::Organization, sample::after(0));
    let newer = ApiKey {
        member: sample::member(2),
        scopes: Scopes::from_iter([Scope::Read]),
        expires_at: Some(sample::after(900)),
        ..sample::api_key(KeyKind::Personal, sample::after(1))
    };
    store.insert_key(&older, [1; 32], &sample::change(Verb::KeyCreated)).await.unwrap();
    store.insert_key(&newer, [2; 32], &sample::change(Verb::KeyCreated)).await.unwrap();
    let again = sample::api_key(KeyKind::Personal, sample::after(2));
    assert!(matches!(store.insert_key(&again, [2; 32], &sample::change(Verb::KeyCreated)).await, Err(StoreError::Conflict)));
    assert_eq!(store.key_by_hash([1; 32]).await.unwrap(), Some(older.clone()));
    assert_eq!(store.key_by_hash([3; 32]).await.unwrap(), None);
    assert!(store.revoke_key(older.id, &sample::change_at(Verb::KeyRevoked, sample::after(5))).await.unwrap());
    assert!(!store.revoke_key(older.id, &sample::change_at(Verb::KeyRevoked, sample::after(6))).await.unwrap());
    assert!(!store.revoke_key(ApiKeyId::generate(), &sample::change_at(Verb::KeyRevoked, sample::after(6))).await.unwrap());
    let revoked = ApiKey { revoked_at: Some(sample::after(5)), ..older };
    assert_eq!(store.key_by_hash([1; 32]).await.unwrap(), Some(revoked.clone()));
    assert_eq!(store.list_keys(None).await.unwrap(), [newer.clone(), revoked]);
    assert_eq!(store.list_keys(Some(newer.member)).await.unwrap(), [newer]);
    assert_eq!(store.list_keys(Some(sample::member(99))).await.unwrap(), []);
}
