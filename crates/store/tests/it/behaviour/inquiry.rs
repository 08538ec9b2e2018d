//! Inquiries.

use syncline_model::{
    inquiry::{Answer, Question},
    store::Signal,
};

use crate::world::{World, record};

fn question(id: &str) -> Question {
    Question::Read { object: "Contact".into(), ids: vec![id.into()], fields: vec!["Title".into()] }
}

pub(crate) async fn an_inquiry_is_answered_once_and_gone_with_its_answer(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    let work = linked.world.count(Signal::Work).await;
    let id = store.inquire(linked.connection, &question("003A")).await.unwrap();
    assert!(linked.world.count(Signal::Work).await > work);
    let open = store.inquiries(linked.connection).await.unwrap();
    assert_eq!(open.iter().map(|one| (one.id, one.question.clone())).collect::<Vec<_>>(), [(id, question("003A"))]);
    assert_eq!(store.take_answer(linked.connection, id).await.unwrap(), None);

    let view = linked.world.count(Signal::View).await;
    let answer = Answer::Records(vec![record("003A", &[("Title", "CTO")])]);
    store.answer_inquiry(&linked.lease, id, &answer).await.unwrap();
    assert!(linked.world.count(Signal::View).await > view);
    assert!(store.inquiries(linked.connection).await.unwrap().is_empty());
    assert_eq!(store.take_answer(linked.connection, id).await.unwrap(), Some(answer.clone()));
    assert_eq!(store.take_answer(linked.connection, id).await.unwrap(), None);

    let given_up = store.inquire(linked.connection, &question("003B")).await.unwrap();
    store.forget_inquiry(linked.connection, given_up).await.unwrap();
    assert!(store.inquiries(linked.connection).await.unwrap().is_empty());
    store.answer_inquiry(&linked.lease, given_up, &answer).await.unwrap();
    assert_eq!(store.take_answer(linked.connection, given_up).await.unwrap(), None);
}

pub(crate) async fn nothing_of_an_inquiry_outlives_its_time_or_the_connection(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    let old = store.inquire(linked.connection, &question("003A")).await.unwrap();
    store.answer_inquiry(&linked.lease, old, &Answer::Refused("no".into())).await.unwrap();
    linked.world.clock.advance_ms(11 * 60_000);
    let new = store.inquire(linked.connection, &question("003B")).await.unwrap();
    assert_eq!(store.take_answer(linked.connection, old).await.unwrap(), None);
    assert_eq!(store.inquiries(linked.connection).await.unwrap()[0].id, new);
    store.disconnect(linked.connection).await.unwrap();
    assert!(store.inquiries(linked.connection).await.unwrap().is_empty());
}
