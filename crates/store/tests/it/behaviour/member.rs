//! People, keys, sign-ins.

use secrecy::{ExposeSecret, SecretString};
use syncline_model::store::{Authorization, KeyKind, StoreError};

use crate::world::{START_MS, World, at};

pub(crate) async fn a_member_signs_in_and_out(world: World) {
    let store = &world.store;
    let id = store.add_member("Ada@Acme.test", "Ada", "$argon2id$…").await.unwrap();
    let member = store.member_by_email("ADA@acme.test").await.unwrap().unwrap();
    assert_eq!((member.id, member.email.as_str(), member.name.as_str()), (id, "ada@acme.test", "Ada"));
    assert_eq!(member.password_hash, "$argon2id$…");
    assert!(store.member_by_email("bob@acme.test").await.unwrap().is_none());
    store.add_session(b"hash", id, at(START_MS + 10)).await.unwrap();
    assert_eq!(store.session_member(b"hash").await.unwrap().unwrap().id, id);
    assert!(store.session_member(b"other").await.unwrap().is_none());
    store.remove_session(b"hash").await.unwrap();
    assert!(store.session_member(b"hash").await.unwrap().is_none());
}

pub(crate) async fn an_address_is_taken_once_in_any_case(world: World) {
    world.store.add_member("ada@acme.test", "Ada", "x").await.unwrap();
    let error = world.store.add_member(" ADA@acme.test", "Other", "y").await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error:?}");
}

pub(crate) async fn a_session_ends_by_time(world: World) {
    let id = world.store.add_member("ada@acme.test", "Ada", "x").await.unwrap();
    world.store.add_session(b"hash", id, at(START_MS + 10)).await.unwrap();
    world.clock.advance_ms(9);
    assert!(world.store.session_member(b"hash").await.unwrap().is_some());
    world.clock.advance_ms(1);
    assert!(world.store.session_member(b"hash").await.unwrap().is_none());
}

pub(crate) async fn keys_open_their_environment(world: World) {
    let store = &world.store;
    store.add_key(world.environment, KeyKind::Api, b"hash").await.unwrap();
    assert_eq!(store.key_environment(KeyKind::Api, b"hash").await.unwrap(), Some(world.environment));
    assert_eq!(store.key_environment(KeyKind::Token, b"hash").await.unwrap(), None);
    assert_eq!(store.key_environment(KeyKind::Api, b"hush").await.unwrap(), None);
    store.add_key(world.environment, KeyKind::Token, b"hash").await.unwrap();
    assert_eq!(store.key_environment(KeyKind::Token, b"hash").await.unwrap(), Some(world.environment));
}

pub(crate) async fn an_authorization_is_taken_once_and_in_time(world: World) {
    let store = &world.store;
    let authorization = Authorization {
        environment_id: world.environment,
        session_hash: b"session".to_vec(),
        login_url: "https://login.test".into(),
        verifier: SecretString::from("verifier"),
    };
    store.add_authorization(b"state", &authorization, at(START_MS + 10)).await.unwrap();
    store.add_authorization(b"late", &authorization, at(START_MS + 10)).await.unwrap();
    let taken = store.take_authorization(b"state").await.unwrap().unwrap();
    assert_eq!(taken.environment_id, world.environment);
    assert_eq!(
        (taken.session_hash.as_slice(), taken.login_url.as_str()),
        (b"session".as_slice(), "https://login.test")
    );
    assert_eq!(taken.verifier.expose_secret(), "verifier");
    assert!(store.take_authorization(b"state").await.unwrap().is_none());
    world.clock.advance_ms(10);
    assert!(store.take_authorization(b"late").await.unwrap().is_none());
}
