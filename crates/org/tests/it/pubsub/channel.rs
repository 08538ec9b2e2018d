//! Channels: selection, enrichment and filters, set up through the Tooling API.

use super::*;
use crate::web::Web;
use reqwest::{Method, StatusCode};
use syncline_org::core::Edition;
use syncline_org::core::channel::{ChannelDefinition, EnrichedField, MemberDefinition};

const SALES: &str = "/data/Sales__chn";

fn member(entity: &str, enriched: &[&str], filter: Option<&str>) -> MemberDefinition {
    MemberDefinition {
        event_channel: "Sales__chn".to_owned(),
        selected_entity: entity.to_owned(),
        enriched_fields: enriched.iter().map(|name| EnrichedField { name: (*name).to_owned() }).collect(),
        filter_expression: filter.map(str::to_owned),
    }
}

/// An org with a channel of its own that has this member.
async fn with_channel(member: MemberDefinition) -> Fixture {
    let fixture = Fixture::start().await;
    let mut org = fixture.org.lock();
    let channel = ChannelDefinition { channel_type: "data".to_owned(), label: "Sales".to_owned() };
    org.create_event_channel("Sales__chn", channel, 0).expect("a channel");
    org.create_channel_member("Sales_Member", member, 0).expect("a member");
    drop(org);
    fixture
}

#[tokio::test]
async fn updates_and_deletes_carry_the_enriched_fields_as_they_are_at_delivery() {
    let fixture = with_channel(member("ContactChangeEvent", &["Email", "Name"], None)).await;
    let contact = fixture.create("Contact", json!({"LastName": "Roe", "Email": "roe@a.example", "Title": "Analyst"}));
    fixture.update(&contact, json!({"Title": "Director"}));
    fixture.update(&contact, json!({"Email": "roe@b.example"}));
    fixture.delete(&contact);
    let mut subscriber = fixture.subscribe(from_earliest(SALES, 10)).await;
    let events = subscriber.events(4).await;
    let update = subscriber.decode(&events[1]).await;
    assert_eq!((update.text("Title"), update.text("Email")), (Some("Director"), Some("roe@b.example")));
    assert_eq!(update.changed_bitmap(), update.places(&["Title", "LastModifiedDate"]), "enrichment is no change");
    let delete = subscriber.decode(&events[3]).await;
    assert_eq!((delete.change_type(), delete.populated()), ("DELETE", vec!["Name", "Email"]));

    let mut plain = fixture.subscribe(from_earliest(CONTACTS, 10)).await;
    let events = plain.events(4).await;
    assert_eq!(plain.decode(&events[1]).await.text("Email"), None, "one object's own topic is not enriched");
}

#[tokio::test]
async fn enriched_records_that_were_told_together_are_told_one_by_one() {
    let fixture = with_channel(member("ContactChangeEvent", &["Email"], None)).await;
    let ids: Vec<String> = ["a", "b"]
        .iter()
        .map(|name| fixture.create("Contact", json!({"LastName": name, "Email": format!("{name}@x.example")})))
        .collect();
    let update = |id: &String| Write::Update {
        object: None,
        id: id.clone(),
        values: json!({"Title": "Chief"}).as_object().expect("an object").clone(),
    };
    fixture.write_together(ids.iter().map(update).collect());
    let mut subscriber = fixture.subscribe(from_earliest(SALES, 3)).await;
    let mut events = subscriber.events(3).await;
    subscriber.ask(5).await;
    events.extend(subscriber.events(1).await);
    assert_eq!(events[2].replay_id, events[3].replay_id, "both are the one event");
    for (event, (id, email)) in events[2..].iter().zip(ids.iter().zip(["a@x.example", "b@x.example"])) {
        let event = subscriber.decode(event).await;
        assert_eq!((event.record_ids(), event.text("Email")), (vec![id.as_str()], Some(email)));
    }
}

#[tokio::test]
async fn only_events_that_pass_the_filter_are_delivered() {
    let filter = "(Industry = 'Energy' OR AnnualRevenue >= 1000000) AND NOT Name LIKE 'Test%'";
    let fixture = with_channel(member("AccountChangeEvent", &[], Some(filter))).await;
    fixture.create("Account", json!({"Name": "Acme", "Industry": "Energy"}));
    let big = fixture.create("Account", json!({"Name": "Beta", "AnnualRevenue": 2_000_000}));
    fixture.create("Account", json!({"Name": "Test Ltd", "Industry": "Energy"}));
    let small = fixture.create("Account", json!({"Name": "Gamma", "Industry": "Retail"}));
    fixture.update(&big, json!({"Phone": "1"}));
    fixture.update(&small, json!({"Phone": "2"}));
    fixture.update(&small, json!({"Industry": "Energy"}));
    let all = fixture.replay_ids();
    let mut subscriber = fixture.subscribe(from_earliest(SALES, 10)).await;
    // What the record is at delivery counts for fields that did not change, so the update of the phone passes too.
    let events = subscriber.events(5).await;
    assert_eq!(positions(&events), [all[0], all[1], all[4], all[5], all[6]]);
    let update = subscriber.decode(&events[2]).await;
    assert_eq!(
        (update.text("Phone"), update.text("Name")),
        (Some("1"), Some("Beta")),
        "what is filtered by is carried"
    );
}

#[tokio::test]
async fn five_objects_are_selected_and_no_sixth_without_the_add_on() {
    let fixture = with_channel(member("ContactChangeEvent", &[], None)).await;
    fixture.create("Task", json!({"Subject": "Call", "Status": "Completed", "Priority": "Normal"}));
    let sixth = |org: &mut Org| org.create_channel_member("Users", member("UserChangeEvent", &[], None), 0);
    let refused = sixth(&mut fixture.org.lock()).expect_err("Account, Contact, Lead, Opportunity, Task are five");
    assert_eq!(refused.code, "LIMIT_EXCEEDED");
    fixture.org.lock().set_captured_entities_max(None);
    sixth(&mut fixture.org.lock()).expect("the add-on has no limit");
    let mut everything = fixture.subscribe(from_earliest(EVERYTHING, 10)).await;
    everything.events(1).await;
}

#[tokio::test]
async fn an_edition_without_change_data_capture_has_no_topics_of_changes() {
    let profile = OrgProfile { edition: Edition::Professional, ..OrgProfile::default() };
    let mut org = Org::new(&profile, [9; 32], SystemClock.now_ms());
    assert_eq!(org.select_entity("Contact", 0).expect_err("not in this edition").code, "FUNCTIONALITY_NOT_ENABLED");
    let fixture = Fixture::around(org, Patience::default()).await;
    for topic in [EVERYTHING, CONTACTS] {
        let mut subscriber = fixture.subscribe(from_earliest(topic, 1)).await;
        assert_refused(&subscriber.refusal().await, Code::NotFound, "topic.notfound");
    }
}

#[tokio::test]
async fn channels_and_members_are_set_up_through_the_tooling_api() {
    let web = Web::start().await;
    let channels = "/tooling/sobjects/PlatformEventChannel";
    let members = "/tooling/sobjects/PlatformEventChannelMember";
    let channel = json!({"FullName": "Sales__chn", "Metadata": {"channelType": "data", "label": "Sales"}});
    let (status, made) = web.send(Method::POST, channels, channel.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let channel_id = made["id"].as_str().expect("an id");
    assert!(channel_id.starts_with("0YL") && made["warnings"] == json!([]), "{made}");

    let selected = |entity: &str| {
        json!({"eventChannel": "Sales__chn", "selectedEntity": entity,
        "enrichedFields": [{"name": "Email"}], "filterExpression": "Email != null"})
    };
    let member = json!({"FullName": "Sales_Contact", "Metadata": selected("ContactChangeEvent")});
    let (status, made) = web.send(Method::POST, members, member.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let member_path = format!("{members}/{}", made["id"].as_str().expect("an id"));
    assert!(member_path.contains("/0v8"));
    let (_, read) = web.get(&member_path).await;
    assert_eq!((&read["FullName"], &read["Metadata"]), (&member["FullName"], &member["Metadata"]));
    assert_eq!((&read["EventChannel"], &read["SelectedEntity"]), (&json!(channel_id), &json!("ContactChangeEvent")));

    let statement =
        "SELECT Id, DeveloperName, SelectedEntity FROM PlatformEventChannelMember WHERE EventChannel = 'ChangeEvents'";
    let query = reqwest::Url::parse_with_params("http://x/tooling/query", [("q", statement)]).expect("a URL");
    let (_, found) = web.get(&format!("/tooling/query?{}", query.query().expect("a query"))).await;
    assert_eq!(
        (&found["totalSize"], &found["records"][0]["SelectedEntity"]),
        (&json!(5), &json!("AccountChangeEvent"))
    );

    let moved = json!({"FullName": "Sales_Contact", "Metadata": selected("LeadChangeEvent")});
    let refusals = [
        (Method::POST, channels, channel.clone(), "DUPLICATE_VALUE"),
        (Method::POST, members, member.clone(), "DUPLICATE_VALUE"),
        (Method::POST, members, json!({"FullName": "X"}), "REQUIRED_FIELD_MISSING"),
        (
            Method::POST,
            members,
            json!({"FullName": "X", "Metadata": selected("ProfileChangeEvent")}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (Method::PATCH, &member_path, moved, "FIELD_INTEGRITY_EXCEPTION"),
        (Method::PATCH, &member_path, json!({"FullName": "Sales_Contact"}), "REQUIRED_FIELD_MISSING"),
    ];
    for (method, path, body, code) in refusals {
        let (status, refused) = web.send(method, path, body).await;
        assert_eq!((status, &refused[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!(code)), "{refused}");
    }
    let changed = json!({"FullName": "Sales_Contact",
        "Metadata": {"eventChannel": "Sales__chn", "selectedEntity": "ContactChangeEvent"}});
    assert_eq!(web.call(Method::PATCH, &member_path, Some(changed)).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(web.get(&member_path).await.1["Metadata"]["enrichedFields"], json!([]));

    let channel_path = format!("{channels}/{channel_id}");
    assert_eq!(
        web.call(Method::DELETE, &channel_path, None).await.status(),
        StatusCode::BAD_REQUEST,
        "it has a member"
    );
    for path in [&member_path, &channel_path] {
        assert_eq!(web.call(Method::DELETE, path, None).await.status(), StatusCode::NO_CONTENT);
        assert_eq!(web.get(path).await.0, StatusCode::NOT_FOUND);
    }
}
