//! What is left in the database, and what others see of it. Memory has no outside; its turns end at once where a database is
//! needed.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use syncline_model::{
    Number, Value,
    attribute::{AttributeOperation, Operator},
    profile::{ProfileKind, ProfileWrite},
    store::{Authorization, Signal, StoreError},
    work::Lane,
};

use crate::{
    database::{blobs, execute, open_at},
    world::{NODE, TTL_MS, World, at, org},
};

const SOON: Duration = Duration::from_secs(30);

pub(crate) async fn secrets_are_sealed_in_the_database(world: World) {
    let Some(url) = world.url.clone() else { return };
    world.connect().await;
    let authorization = Authorization {
        environment_id: world.environment,
        session_hash: b"session".to_vec(),
        login_url: "https://login.test".into(),
        verifier: SecretString::from("verifier"),
    };
    world.store.add_authorization(b"state", &authorization, at(i64::MAX / 1_000_000)).await.unwrap();
    for (query, secret) in
        [("select sealed from credentials", "token"), ("select verifier from authorization_request", "verifier")]
    {
        let stored = blobs(&url, query).await;
        assert_eq!(stored.len(), 1, "{query}");
        assert!(stored[0].len() > secret.len());
        assert!(!stored[0].windows(secret.len()).any(|part| part == secret.as_bytes()), "{query}");
    }
}

pub(crate) async fn an_org_that_another_environment_has_is_refused(world: World) {
    let Some(url) = world.url.clone() else { return };
    execute(
        &url,
        "insert into environment (id, name, created_at) values ('01890000-0000-7000-8000-000000000001', 'staging', 9)",
    )
    .await;
    let staging = world.store.environments().await.unwrap().into_iter().find(|known| known.name == "staging").unwrap();
    let first = world.connect().await;
    let connect = || async { world.store.connect(staging.id, &org("00D1"), &SecretString::from("t")).await };
    assert!(matches!(connect().await, Err(StoreError::Conflict(_))));
    world.store.disconnect(first).await.unwrap();
    connect().await.unwrap();
    let error = world.store.connect(world.environment, &org("00D1"), &SecretString::from("t")).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error:?}");
}

pub(crate) async fn everything_survives_reopening(world: World) {
    let Some(url) = world.url.clone() else { return };
    let linked = world.linked().await;
    let before = linked.look("u1").await;
    let (connection, mapping) = (linked.connection, linked.mapping.clone());
    drop(linked);
    let world = open_at(&url).await;
    assert_eq!(world.store.environments().await.unwrap().len(), 1);
    assert_eq!(world.store.mappings(connection).await.unwrap(), [mapping]);
    assert_eq!(world.store.credentials(connection).await.unwrap().unwrap().0.expose_secret(), "token");
    let lease = world.store.acquire_lease(connection, NODE, TTL_MS).await.unwrap().unwrap();
    let work = world.store.due_work(&lease, Lane::Remote, None, 10).await.unwrap().remove(0);
    assert_eq!(
        (work.key, work.generation, work.profile, work.record),
        (before.key, before.generation, before.profile, before.record)
    );
}

pub(crate) async fn another_process_is_noticed(world: World) {
    let Some(url) = world.url.clone() else { return };
    world.connect().await;
    let other = open_at(&url).await;
    let (work, view) = (world.count(Signal::Work).await, world.count(Signal::View).await);
    // The watch of a file compares what it sees with what it saw before, so it is given changes until it has seen one.
    let woken = async {
        tokio::join!(world.store.wait(Signal::Work, work), world.store.wait(Signal::View, view));
    };
    let changing = async {
        loop {
            other.connect().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = woken => {}
        () = changing => unreachable!("it changes for ever"),
        () = tokio::time::sleep(SOON) => panic!("a change of another store on the same database was not noticed"),
    }
}

pub(crate) async fn a_waiter_is_woken_by_a_commit(world: World) {
    let mapped = world.mapped().await;
    let seen = mapped.world.count(Signal::Work).await;
    let store = mapped.world.store.clone();
    let waiter = tokio::spawn(async move { store.wait(Signal::Work, seen).await });
    mapped.world.user("u1", &[]).await;
    let count = tokio::time::timeout(SOON, waiter).await.unwrap().unwrap();
    assert!(count > seen);
    // Who asks with an old count is answered at once.
    assert_eq!(tokio::time::timeout(SOON, mapped.world.store.wait(Signal::Work, seen)).await.unwrap(), count);
}

pub(crate) async fn parallel_writes_all_count(world: World) {
    const WRITERS: u32 = 8;
    const EACH: u32 = 5;
    let mapped = world.mapped().await;
    mapped.world.user("u1", &[("email", "ada@acme.test")]).await;
    let writers = (0..WRITERS).map(|writer| {
        let world = mapped.world.clone();
        tokio::spawn(async move {
            for _ in 0..EACH {
                let operand = Value::Number(Number::new(1.0).unwrap());
                let add = AttributeOperation { operator: Operator::Add, operand, data_type: None };
                let operations = vec![("visits".to_owned(), add)];
                let upsert = |id: String| ProfileWrite::Upsert {
                    kind: ProfileKind::User,
                    id,
                    operations: operations.clone(),
                    seen: true,
                };
                // In both orders, so that writers who locked row by row would lock each other out.
                let mut write = vec![upsert("u1".into()), upsert("u2".into())];
                if writer % 2 == 0 {
                    write.reverse();
                }
                world.write(write).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let total = Value::Number(Number::new(f64::from(WRITERS * EACH)).unwrap());
    for id in ["u1", "u2"] {
        assert_eq!(mapped.world.profile(id).await.unwrap().attribute("visits"), &total);
    }
}
