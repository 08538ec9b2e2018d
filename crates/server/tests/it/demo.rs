//! The demo, small: everything in one process, in step, both ways.

use serde_json::{Value, json};
use syncline::demo::{self, Demo, DemoOptions};
use tokio_util::sync::CancellationToken;

use crate::harness::{client, eventually};

fn options() -> DemoOptions {
    DemoOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        org_listen: "127.0.0.1:0".parse().unwrap(),
        org_https_listen: "127.0.0.1:0".parse().unwrap(),
        org_pubsub_listen: "127.0.0.1:0".parse().unwrap(),
        data_dir: None,
        database_url: None,
        state_file: None,
        blank: false,
        trickle: false,
        org_response_delay_ms: 0,
        contacts: 60,
    }
}

async fn user(demo: &Demo, id: &str) -> Value {
    let request = client().get(format!("{}/users/{id}", demo.state.userflow_api_url));
    let answer = request.bearer_auth(&demo.state.userflow_api_key).send().await.unwrap();
    answer.error_for_status().unwrap().json().await.unwrap()
}

async fn contact(demo: &Demo, email: &str) -> Value {
    let soql = format!("SELECT Id, Title, userflow_user_plan__c FROM Contact WHERE Email = '{email}'");
    let request = client().get(format!("{}/services/data/v60.0/query", demo.state.org.org_url)).query(&[("q", soql)]);
    let answer = request.bearer_auth(&demo.state.org.org_access_token).send().await.unwrap();
    let mut page: Value = answer.error_for_status().unwrap().json().await.unwrap();
    page["records"][0].take()
}

#[tokio::test]
async fn both_sides_are_in_step_and_stay_so() {
    let stop = CancellationToken::new();
    let demo = demo::start(options(), stop.clone()).await.unwrap();
    let connection = demo.store.connection(demo.environment.id).await.unwrap().unwrap();
    let counts = demo.store.counts(connection.id, None).await.unwrap();
    assert_eq!((counts.waiting, counts.links), (0, 15 + 4));

    let known = user(&demo, "u_10001").await;
    let email = known["attributes"]["email"].as_str().unwrap().to_owned();
    let there = contact(&demo, &email).await;
    assert_eq!(known["attributes"]["salesforce_contact_title"], there["Title"]);
    assert_eq!(known["attributes"]["plan"], there["userflow_user_plan__c"]);

    let address =
        format!("{}/services/data/v60.0/sobjects/Contact/{}", demo.state.org.org_url, there["Id"].as_str().unwrap());
    let request = client().patch(address).bearer_auth(&demo.state.org.org_access_token);
    request.json(&json!({ "Title": "Astronaut" })).send().await.unwrap().error_for_status().unwrap();
    eventually("the user follows the contact", async || {
        (user(&demo, "u_10001").await["attributes"]["salesforce_contact_title"] == "Astronaut").then_some(())
    })
    .await;

    let request =
        client().post(format!("{}/users", demo.state.userflow_api_url)).bearer_auth(&demo.state.userflow_api_key);
    let change = json!({ "id": "u_10001", "attributes": { "plan": "galactic" } });
    request.json(&change).send().await.unwrap().error_for_status().unwrap();
    eventually("the contact follows the user", async || {
        (contact(&demo, &email).await["userflow_user_plan__c"] == "galactic").then_some(())
    })
    .await;
    stop.cancel();
    demo.ended().await.unwrap();
}

#[tokio::test]
async fn a_blank_demo_has_people_and_no_connection() {
    let stop = CancellationToken::new();
    let demo = demo::start(DemoOptions { blank: true, ..options() }, stop.clone()).await.unwrap();
    assert!(demo.store.connection(demo.environment.id).await.unwrap().is_none());
    assert_eq!(user(&demo, "guest_1").await["attributes"]["name"], "Guest 1");
    let state = serde_json::to_value(&demo.state).unwrap();
    for key in [
        "app_url",
        "environment_id",
        "userflow_api_url",
        "userflow_api_key",
        "userflow_token",
        "admin_email",
        "admin_password",
        "org_url",
        "org_pubsub_url",
        "org_pubsub_tls",
        "org_id",
        "org_username",
        "org_password",
        "org_client_id",
        "org_client_secret",
        "org_access_token",
    ] {
        assert!(state[key].as_str().is_some_and(|text| !text.is_empty()), "{key}");
    }
    let sign_in = json!({ "email": state["admin_email"], "password": state["admin_password"] });
    let url = format!("{}/api/v1/session", demo.state.app_url);
    assert_eq!(client().post(url).json(&sign_in).send().await.unwrap().status(), 200);
    stop.cancel();
    demo.ended().await.unwrap();
}
