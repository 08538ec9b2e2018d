//! Connecting by the command line, without a browser: with a key and its certificate, and with a secret.

use serde_json::{Value, json};
use syncline_org::seed::SeedSize;

use crate::{
    database::sqlite,
    program::{Installation, eventually},
};

const SIZE: SeedSize = SeedSize { contacts: 5, accounts: 2, leads: 0, opportunities: 0 };
const KEY_FILE: &str = "syncline.key";

/// Changes what the org knows of the app.
async fn change_app(installation: &Installation, change: Value) {
    let org = &installation.org;
    let url = format!("{}/__control/apps/{}", org.url, org.client_id);
    let answer = installation.http.put(url).json(&change).send().await.expect("the org answers");
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
}

/// A key and its certificate, as PEM.
fn key_pair() -> (String, String) {
    let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).expect("a key");
    let parameters = rcgen::CertificateParams::new(["syncline".to_owned()]).expect("a name");
    (pair.serialize_pem(), parameters.self_signed(&pair).expect("a certificate").pem())
}

/// Waits until a change on each side has reached the other.
async fn in_step(installation: &Installation, number: u32) {
    let contact =
        installation.query("SELECT Id, Email FROM Contact WHERE Email != null ORDER BY Id LIMIT 1").await.remove(0);
    let (id, words) = (contact["Id"].as_str().expect("an id"), format!("number {number}"));
    installation.edit_record("Contact", id, json!({ "Title": words })).await;
    let body = json!({ "id": "u1", "attributes": { "email": contact["Email"], "plan": words } });
    installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");
    let written = format!("SELECT userflow_user_plan__c FROM Contact WHERE Id = '{id}'");
    eventually("both sides say the latest", async || {
        let row = installation.try_query(&written).await?.pop()?;
        let user = installation.userflow(reqwest::Method::GET, "/users/u1", None).await?;
        let is_done = row["userflow_user_plan__c"] == json!(words)
            && user["attributes"]["salesforce_contact_title"] == json!(words);
        is_done.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_connects_by_the_command_line_and_keeps_the_connection_at_work() {
    let installation = Installation::new(sqlite, SIZE).await;
    let _server = installation.serve();
    installation.ready().await;
    installation.map().await;
    in_step(&installation, 1).await;
    installation.command(&["disconnect"]);

    // From now on a secret is of no use any more.
    let (key, certificate) = key_pair();
    change_app(&installation, json!({ "certificate": certificate, "pre_authorized": true, "run_as": null })).await;
    installation.put(KEY_FILE, &key);
    let (url, client_id) = (installation.org.url.clone(), installation.org.client_id.clone());
    let (username, org_id) = (installation.org.org_username.clone(), installation.org.org_id.clone());
    let by_secret = ["connect", "--login-url", &url, "--client-id", &client_id];
    let secret = ("SYNCLINE_CLIENT_SECRET", installation.org.client_secret.as_str());
    assert_eq!(installation.command_with(secret, &by_secret).0, Some(1));

    let by_key = [&by_secret[..], &["--private-key", KEY_FILE, "--username", &username, "--json"]].concat();
    let told: Value = serde_json::from_str(&installation.command(&by_key)).expect("JSON");
    assert!(told.to_string().contains(&org_id) && told.to_string().contains(&username), "{told}");
    assert!(!told.to_string().contains("PRIVATE"), "{told}");
    in_step(&installation, 2).await;
    // The server buys a session with the key when the first is over.
    installation.org.handle().lock().end_all_sessions();
    in_step(&installation, 3).await;

    // The key itself may stand in the variable, and does not stand in what is said.
    let by_variable = [&by_secret[..], &["--username", &username]].concat();
    let (code, said) = installation.command_with(("SYNCLINE_PRIVATE_KEY", &key), &by_variable);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("as {username}")) && !said.contains("PRIVATE KEY"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_key_or_a_secret_is_told_with_what_to_do() {
    let installation = Installation::new(sqlite, SIZE).await;
    let (key, certificate) = key_pair();
    change_app(&installation, json!({ "certificate": certificate, "pre_authorized": true })).await;
    installation.put(KEY_FILE, &key);
    installation.put("other.key", &key_pair().0);
    installation.put("syncline.crt", &certificate);
    let (url, client_id) = (installation.org.url.clone(), installation.org.client_id.clone());
    let username = installation.org.org_username.clone();
    let connect = ["connect", "--login-url", &url, "--client-id", &client_id];
    let unset = ("SYNCLINE_TEST", "");
    for (more, code, words) in [
        // Refused by Salesforce.
        (
            &["--private-key", "other.key", "--username", &username][..],
            1,
            "Upload the certificate that belongs to this private key",
        ),
        (&["--private-key", KEY_FILE, "--username", "nobody@example.com"], 1, "Check the user name"),
        (&["--client-secret", "wrong"], 1, "invalid_client"),
        // Refused before anything is sent.
        (&["--private-key", "syncline.crt", "--username", &username], 1, "certificate and not the private key"),
        // Used wrongly.
        (&["--private-key", "no.key", "--username", &username], 2, "no.key"),
        (&["--private-key", KEY_FILE], 2, "--username"),
        (&["--username", &username], 2, "--private-key"),
    ] {
        let (exit, said) = installation.command_with(unset, &[&connect[..], more].concat());
        assert_eq!(exit, Some(code), "{more:?}: {said}");
        assert!(said.contains(words), "{more:?}: {said}");
    }
}
