//! What Syncline may cost an org, and what it has cost it.

use syncline_model::{
    budget::{CallReport, DEFAULT_API_SHARE, HourOfCalls},
    connector::ApiUsage,
    id::ConnectionId,
    store::{Signal, StoreError},
};

use crate::world::{Mapped, NODE, START_MS, TTL_MS, World, at};

const HOUR_MS: i64 = 3_600_000;
const FIRST_HOUR_MS: i64 = START_MS / HOUR_MS * HOUR_MS;

fn calls(calls: u64) -> CallReport {
    CallReport { calls, ..CallReport::default() }
}

async fn counted(mapped: &Mapped) -> Vec<(i64, u64)> {
    let hours = mapped.world.store.api_calls(mapped.connection).await.unwrap();
    hours.into_iter().map(|HourOfCalls { hour, calls }| (hour.as_millisecond() - FIRST_HOUR_MS, calls)).collect()
}

pub(crate) async fn calls_are_counted_by_the_hour_and_forgotten_after_a_day(world: World) {
    let mapped = world.mapped().await;
    let (store, clock) = (&mapped.world.store, &mapped.world.clock);
    assert!(counted(&mapped).await.is_empty());
    store.renew_lease(&mapped.lease, i64::from(i32::MAX), &calls(0)).await.unwrap();
    clock.advance_ms(FIRST_HOUR_MS + HOUR_MS - 1 - START_MS);
    for report in [calls(3), calls(0), calls(4)] {
        store.keep_lease(&mapped.lease, i64::from(i32::MAX), &report).await.unwrap();
    }
    assert_eq!(counted(&mapped).await, [(0, 7)]);
    clock.advance_ms(1);
    store.renew_lease(&mapped.lease, i64::from(i32::MAX), &calls(5)).await.unwrap();
    assert_eq!(counted(&mapped).await, [(0, 7), (HOUR_MS, 5)]);
    // The first hour has a millisecond left among the last 24 hours.
    clock.advance_ms(24 * HOUR_MS - 1);
    store.renew_lease(&mapped.lease, i64::from(i32::MAX), &calls(0)).await.unwrap();
    assert_eq!(counted(&mapped).await, [(0, 7), (HOUR_MS, 5)]);
    // Now it is over; nobody has to say so.
    clock.advance_ms(1);
    assert_eq!(counted(&mapped).await, [(HOUR_MS, 5)]);
    clock.advance_ms(1);
    store.renew_lease(&mapped.lease, i64::from(i32::MAX), &calls(2)).await.unwrap();
    assert_eq!(counted(&mapped).await, [(HOUR_MS, 5), (25 * HOUR_MS, 2)]);
    assert_eq!(store.api_calls(ConnectionId::new(at(0))).await.unwrap(), []);
}

pub(crate) async fn calls_of_several_owners_add_up_and_outlive_a_disconnection(world: World) {
    let mapped = world.mapped().await;
    let store = &mapped.world.store;
    store.renew_lease(&mapped.lease, TTL_MS, &calls(3)).await.unwrap();
    let second = store.acquire_lease(mapped.connection, NODE, TTL_MS).await.unwrap().unwrap();
    // Who has lost the lease is not believed: what it says may have been said before.
    let late = store.renew_lease(&mapped.lease, TTL_MS, &calls(100)).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)));
    store.renew_lease(&second, TTL_MS, &calls(4)).await.unwrap();
    store.set_api_share(mapped.connection, 7).await.unwrap();
    store.disconnect(mapped.connection).await.unwrap();
    // What ended while it stopped was called all the same.
    store.keep_lease(&second, TTL_MS, &calls(1)).await.unwrap();
    store.release_lease(&second).await.unwrap();
    mapped.world.connect().await;
    assert_eq!(counted(&mapped).await, [(0, 8)]);
    assert_eq!(store.connection(mapped.world.environment).await.unwrap().unwrap().api_share, 7);
}

pub(crate) async fn renewing_tells_the_event_deliveries(world: World) {
    let mapped = world.mapped().await;
    let store = &mapped.world.store;
    let view = mapped.world.count(Signal::View).await;
    let deliveries = Some(ApiUsage { used: 9, limit: 25_000 });
    store.renew_lease(&mapped.lease, TTL_MS, &CallReport { deliveries, ..CallReport::default() }).await.unwrap();
    assert!(mapped.world.count(Signal::View).await > view);
    let view = mapped.world.count(Signal::View).await;
    store.renew_lease(&mapped.lease, TTL_MS, &CallReport { deliveries, ..CallReport::default() }).await.unwrap();
    store.renew_lease(&mapped.lease, TTL_MS, &CallReport::default()).await.unwrap();
    assert_eq!(mapped.world.count(Signal::View).await, view);
    let connection = store.connection(mapped.world.environment).await.unwrap().unwrap();
    assert_eq!((connection.deliveries, connection.api_usage), (deliveries, None));
}

pub(crate) async fn a_lease_is_renewed_whatever_the_org_says_of_its_limits(world: World) {
    let mapped = world.mapped().await;
    let store = &mapped.world.store;
    let endless = Some(ApiUsage { used: 9, limit: u64::MAX });
    let report = CallReport { usage: endless, deliveries: endless, ..CallReport::default() };
    store.renew_lease(&mapped.lease, TTL_MS, &report).await.unwrap();
    let connection = store.connection(mapped.world.environment).await.unwrap().unwrap();
    for told in [connection.api_usage, connection.deliveries] {
        let told = told.unwrap();
        assert!(told.used == 9 && told.limit >= i64::MAX.unsigned_abs(), "{told:?}");
    }
}

pub(crate) async fn the_share_is_between_one_and_a_hundred_percent(world: World) {
    let id = world.connect().await;
    let share = || async { world.store.connection(world.environment).await.unwrap().unwrap().api_share };
    assert_eq!(share().await, DEFAULT_API_SHARE);
    let (work, view) = (world.count(Signal::Work).await, world.count(Signal::View).await);
    for percent in [1, 100] {
        world.store.set_api_share(id, percent).await.unwrap();
        assert_eq!(share().await, percent);
    }
    assert!(world.count(Signal::Work).await > work && world.count(Signal::View).await > view);
    for percent in [0, 101] {
        let error = world.store.set_api_share(id, percent).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error:?}");
    }
    assert_eq!(share().await, 100);
    let unknown = world.store.set_api_share(ConnectionId::new(at(0)), 5).await;
    assert!(matches!(unknown, Err(StoreError::NotFound(_))));
}
