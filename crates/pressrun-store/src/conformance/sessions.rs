//! Sessions of browsers.

use jiff::SignedDuration;
use pressrun_domain::audit::Verb;
use pressrun_domain::id::{MembershipId, SessionId};
use pressrun_domain::key::KeyKind;
use pressrun_domain::session::{Opener, Session};

use crate::sessions::SESSIONS_OF_A_MEMBER;
use crate::{Store, sample};

fn session(member: MembershipId, opener: Opener, second: i64) -> Session {
    Session {
        id: SessionId::generate(),
        opener,
        member,
        created_at: sample::after(second),
        seen_at: sample::after(second),
        expires_at: sample::after(second) + SignedDuration::from_hours(12),
        source: Some("192.0.2.7".into()),
        browser: Some("Firefox".into()),
    }
}

fn development(member: MembershipId, second: i64) -> Session {
    session(member, Opener::Development("mark".into()), second)
}

pub async fn m4_a_session_is_found_by_its_secret_with_the_key_that_opened_it<S: Store>(store: &S) {
    let key = sample::api_key(KeyKind::Personal, sample::after(0));
    store.insert_key(&key, [1; 32], &sample::change(Verb::KeyCreated)).await.unwrap();
    let opened = session(key.member, Opener::Key(key.id), 1);
    store.begin_session(&opened, [2; 32], &sample::change_at(Verb::SignedIn, sample::after(1))).await.unwrap();
    assert_eq!(store.session_by_hash([2; 32]).await.unwrap(), Some((opened.clone(), Some(key.clone()))));
    assert_eq!(store.session_by_hash([3; 32]).await.unwrap(), None);
    let ended = sample::change_at(Verb::SignedOut, sample::after(2));
    assert!(!store.end_session(opened.id, sample::member(99), &ended).await.unwrap(), "somebody else's");
    assert!(store.end_session(opened.id, key.member, &ended).await.unwrap());
    assert!(!store.end_session(opened.id, key.member, &ended).await.unwrap());
    assert_eq!(store.session_by_hash([2; 32]).await.unwrap(), None);
}

pub async fn m4_a_revoked_key_takes_its_sessions_along<S: Store>(store: &S) {
    let key = sample::api_key(KeyKind::Personal, sample::after(0));
    store.insert_key(&key, [1; 32], &sample::change(Verb::KeyCreated)).await.unwrap();
    let of_key = session(key.member, Opener::Key(key.id), 1);
    let other = development(key.member, 2);
    store.begin_session(&of_key, [2; 32], &sample::change(Verb::SignedIn)).await.unwrap();
    store.begin_session(&other, [3; 32], &sample::change(Verb::SignedIn)).await.unwrap();
    store.revoke_key(key.id, &sample::change(Verb::KeyRevoked)).await.unwrap();
    assert_eq!(store.session_by_hash([2; 32]).await.unwrap(), None);
    assert_eq!(store.sessions_of(key.member, sample::after(3)).await.unwrap(), [other]);
}

pub async fn m4_uses_are_recorded_once_a_minute<S: Store>(store: &S) {
    let key = sample::api_key(KeyKind::Personal, sample::after(0));
    store.insert_key(&key, [1; 32], &sample::change(Verb::KeyCreated)).await.unwrap();
    let used = session(key.member, Opener::Key(key.id), 0);
    store.begin_session(&used, [2; 32], &sample::change(Verb::SignedIn)).await.unwrap();
    for (second, seen, last_used) in [(30, 0, 30), (59, 0, 30), (60, 60, 30), (90, 60, 90), (3600, 3600, 3600)] {
        store.touch_session(used.id, sample::after(second)).await.unwrap();
        store.touch_key(key.id, sample::after(second)).await.unwrap();
        let (session, key) = store.session_by_hash([2; 32]).await.unwrap().unwrap();
        assert_eq!(session.seen_at, sample::after(seen), "{second}");
        assert_eq!(key.unwrap().last_used_at, Some(sample::after(last_used)), "{second}");
    }
}

pub async fn m4_all_sessions_but_one_are_ended_together<S: Store>(store: &S) {
    let (member, other) = (sample::member(1), sample::member(2));
    let sessions = [development(member, 0), development(member, 1), development(other, 2)];
    for (number, session) in sessions.iter().enumerate() {
        store.begin_session(session, [number as u8; 32], &sample::change(Verb::SignedIn)).await.unwrap();
    }
    let ended = sample::change_at(Verb::SignedOut, sample::after(3));
    assert_eq!(store.end_sessions_of(member, Some(sessions[0].id), &ended).await.unwrap(), 1);
    assert_eq!(store.sessions_of(member, sample::after(3)).await.unwrap(), [sessions[0].clone()]);
    assert_eq!(store.end_sessions_of(member, None, &ended).await.unwrap(), 1);
    assert_eq!(store.sessions_of(other, sample::after(3)).await.unwrap(), [sessions[2].clone()]);
}

pub async fn m4_sessions_do_not_pile_up<S: Store>(store: &S) {
    let member = sample::member(1);
    for number in 0..SESSIONS_OF_A_MEMBER + 5 {
        let secret = [number as u8; 32];
        store.begin_session(&development(member, number.into()), secret, &sample::change(Verb::SignedIn)).await.unwrap();
    }
    let kept = store.sessions_of(member, sample::after(100)).await.unwrap();
    assert_eq!(kept.len(), SESSIONS_OF_A_MEMBER as usize);
    assert_eq!(kept[0].created_at, sample::after(i64::from(SESSIONS_OF_A_MEMBER) + 4), "the newest stay");
    let later = sample::after(100) + SignedDuration::from_hours(12);
    store.begin_session(&development(member, 50_000), [200; 32], &sample::change_at(Verb::SignedIn, later)).await.unwrap();
    assert_eq!(store.session_by_hash([20; 32]).await.unwrap(), None, "what expired goes");
}
