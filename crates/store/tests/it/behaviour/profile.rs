//! Lists of profiles.

use syncline_model::{
    profile::{ProfileFilter, ProfileKind, ProfileWrite},
    store::StoreError,
};

use crate::world::{World, upsert};

fn all() -> ProfileFilter {
    ProfileFilter { limit: 100, ..ProfileFilter::default() }
}

async fn list(world: &World, filter: &ProfileFilter) -> (Vec<String>, bool) {
    let page = world.store.profiles(world.environment, ProfileKind::User, filter).await.unwrap();
    (page.data.into_iter().map(|profile| profile.id).collect(), page.has_more)
}

async fn ids(world: &World, filter: &ProfileFilter) -> Vec<String> {
    let count = world.store.count_profiles(world.environment, ProfileKind::User, filter).await.unwrap();
    let (ids, _) = list(world, filter).await;
    assert_eq!(count, ids.len() as u64);
    ids
}

/// Made in this order, `b` and `C` and `a` at the same moment.
async fn five(world: &World) {
    world.user("z", &[]).await;
    world.clock.advance_ms(1);
    world.write(["b", "C", "a"].map(|id| upsert(ProfileKind::User, id, &[])).to_vec()).await;
    world.clock.advance_ms(1);
    world.user("m", &[]).await;
}

pub(crate) async fn profiles_are_listed_in_order_of_creation(world: World) {
    five(&world).await;
    assert_eq!(ids(&world, &all()).await, ["z", "C", "a", "b", "m"]);
    assert_eq!(ids(&world, &ProfileFilter { descending: true, ..all() }).await, ["m", "b", "a", "C", "z"]);
    let companies = world.store.profiles(world.environment, ProfileKind::Company, &all()).await.unwrap();
    assert!(companies.data.is_empty());
}

pub(crate) async fn a_page_after_and_a_page_before_a_profile(world: World) {
    five(&world).await;
    let page = |after: Option<&str>, before: Option<&str>, descending| ProfileFilter {
        after: after.map(str::to_owned),
        before: before.map(str::to_owned),
        descending,
        limit: 2,
        ..ProfileFilter::default()
    };
    let owned = |ids: &[&str], more: bool| (ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>(), more);
    assert_eq!(list(&world, &page(None, None, false)).await, owned(&["z", "C"], true));
    assert_eq!(list(&world, &page(Some("C"), None, false)).await, owned(&["a", "b"], true));
    assert_eq!(list(&world, &page(Some("b"), None, false)).await, owned(&["m"], false));
    assert_eq!(list(&world, &page(Some("b"), None, true)).await, owned(&["a", "C"], true));
    assert_eq!(list(&world, &page(None, Some("b"), false)).await, owned(&["C", "a"], true));
    assert_eq!(list(&world, &page(None, Some("C"), false)).await, owned(&["z"], false));
    assert_eq!(list(&world, &page(None, Some("a"), true)).await, owned(&["m", "b"], false));
}

pub(crate) async fn an_unknown_cursor_is_refused(world: World) {
    five(&world).await;
    for filter in [
        ProfileFilter { after: Some("nobody".into()), ..all() },
        ProfileFilter { before: Some("nobody".into()), ..all() },
    ] {
        let error = world.store.profiles(world.environment, ProfileKind::User, &filter).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound(_)));
    }
}

pub(crate) async fn search_looks_in_id_name_and_address_without_case(world: World) {
    world.user("Ada-1", &[]).await;
    world.user("u2", &[("name", "ÄDA Lovelace")]).await;
    world.user("u3", &[("email", "ada@Acme.test"), ("plan", "adamant")]).await;
    world.user("u4", &[("plan", "ada")]).await;
    let search = |text: &str| ProfileFilter { search: Some(text.into()), ..all() };
    assert_eq!(ids(&world, &search("ADA")).await, ["Ada-1", "u3"]);
    assert_eq!(ids(&world, &search("äda")).await, ["u2"]);
    assert_eq!(ids(&world, &search("acme")).await, ["u3"]);
    assert_eq!(ids(&world, &search("  ")).await.len(), 4);
}

pub(crate) async fn search_takes_wildcards_as_they_are(world: World) {
    world.user("100%", &[]).await;
    world.user("a_b", &[]).await;
    world.user("a\\b", &[]).await;
    world.user("axb", &[]).await;
    let search = |text: &str| ProfileFilter { search: Some(text.into()), ..all() };
    assert_eq!(ids(&world, &search("%")).await, ["100%"]);
    assert_eq!(ids(&world, &search("a_b")).await, ["a_b"]);
    assert_eq!(ids(&world, &search("\\")).await, ["a\\b"]);
}

pub(crate) async fn the_address_filter_compares_normal_forms(world: World) {
    world.user("u1", &[("email", " Ada@Acme.test ")]).await;
    world.user("u2", &[("email", "ada@acme.test.example")]).await;
    let email = |text: &str| ProfileFilter { email: Some(text.into()), ..all() };
    assert_eq!(ids(&world, &email("ADA@acme.test")).await, ["u1"]);
    assert!(ids(&world, &email("")).await.is_empty());
    world.user("u1", &[("email", "")]).await;
    assert!(ids(&world, &email("ada@acme.test")).await.is_empty());
}

pub(crate) async fn users_of_a_company(world: World) {
    five(&world).await;
    let join =
        |user: &str| ProfileWrite::Join { user_id: user.into(), company_id: "c1".into(), operations: Vec::new() };
    world.write(vec![upsert(ProfileKind::Company, "c1", &[]), join("m"), join("b")]).await;
    assert_eq!(ids(&world, &ProfileFilter { company_id: Some("c1".into()), ..all() }).await, ["b", "m"]);
    assert!(ids(&world, &ProfileFilter { company_id: Some("c2".into()), ..all() }).await.is_empty());
}
