//! Examinations.

use syncline_model::{
    examination::{Examination, Finding, Verdict},
    id::ConnectionId,
    store::{Signal, StoreError},
};

use crate::world::{NODE, TTL_MS, World, at};

fn examination(at_ms: i64) -> Examination {
    let finding = Finding {
        check: "api_limits".into(),
        subject: Some("Contact".into()),
        verdict: Verdict::Warning,
        message: "80 % of the org's calls are used".into(),
        remedy: Some("lower the share".into()),
    };
    Examination { at: at(at_ms), findings: vec![finding] }
}

pub(crate) async fn an_examination_is_asked_for_and_kept_in_place_of_the_last(world: World) {
    let mapped = world.mapped().await;
    let (store, id) = (&mapped.world.store, mapped.connection);
    assert_eq!(store.examination(id).await.unwrap(), None);
    assert_eq!(store.examination_requests(id).await.unwrap(), 0);
    let (work, view) = (mapped.world.count(Signal::Work).await, mapped.world.count(Signal::View).await);
    store.request_examination(id).await.unwrap();
    assert!(mapped.world.count(Signal::Work).await > work && mapped.world.count(Signal::View).await > view);
    assert_eq!(store.examination_requests(id).await.unwrap(), 1);
    // Asked for again while the first is under way: that one is still to be answered.
    store.request_examination(id).await.unwrap();
    for (at_ms, left) in [(5, 1), (9, 0)] {
        let view = mapped.world.count(Signal::View).await;
        store.save_examination(&mapped.lease, &examination(at_ms), 1).await.unwrap();
        assert!(mapped.world.count(Signal::View).await > view);
        assert_eq!(store.examination_requests(id).await.unwrap(), left);
        assert_eq!(store.examination(id).await.unwrap(), Some(examination(at_ms)));
    }
    store.acquire_lease(id, NODE, TTL_MS).await.unwrap().unwrap();
    let late = store.save_examination(&mapped.lease, &examination(70), 0).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)));
    assert_eq!(store.examination(id).await.unwrap(), Some(examination(9)));
}

pub(crate) async fn what_is_not_connected_can_not_be_examined(world: World) {
    let unknown = ConnectionId::new(at(0));
    assert!(matches!(world.store.request_examination(unknown).await, Err(StoreError::NotFound(_))));
    assert!(matches!(world.store.examination(unknown).await, Err(StoreError::NotFound(_))));
    assert_eq!(world.store.examination_requests(unknown).await.unwrap(), 0);
}
