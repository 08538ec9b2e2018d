//! The emulated org, as any Salesforce client sees it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Harness, client};

/// Of the permission set that the profile of the connected user owns.
const OF_PROFILE: &str = "Parent.IsOwnedByProfile = true AND Parent.Profile.Name = 'System Administrator'";

const OBJECT_PERMISSIONS: [&str; 6] = [
    "PermissionsCreate",
    "PermissionsRead",
    "PermissionsEdit",
    "PermissionsDelete",
    "PermissionsViewAllRecords",
    "PermissionsModifyAllRecords",
];

/// The org, as any Salesforce client sees it.
pub(crate) struct Org {
    /// Of the data API.
    pub(crate) url: String,
    pub(crate) token: String,
    username: String,
}

impl Org {
    pub(crate) fn of(harness: &Harness) -> Self {
        let state = harness.org.as_ref().unwrap().state();
        Self {
            url: format!("{}/services/data/v64.0", state.org_url),
            token: state.org_access_token,
            username: state.org_username,
        }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Value) -> Value {
        let request = client().request(method, format!("{}/{path}", self.url)).bearer_auth(&self.token);
        let answer = request.json(&body).send().await.unwrap();
        let status = answer.status();
        let body = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    pub(crate) async fn create(&self, object: &str, fields: Value) -> String {
        self.send(Method::POST, &format!("sobjects/{object}"), fields).await["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn edit(&self, object: &str, id: &str, fields: Value) {
        self.send(Method::PATCH, &format!("sobjects/{object}/{id}"), fields).await;
    }

    pub(crate) async fn delete(&self, object: &str, id: &str) {
        self.send(Method::DELETE, &format!("sobjects/{object}/{id}"), json!({})).await;
    }

    /// The rows of a query.
    pub(crate) async fn query(&self, soql: &str) -> Vec<Value> {
        let request = client().get(format!("{}/query", self.url)).bearer_auth(&self.token);
        let answer: Value = request.query(&[("q", soql)]).send().await.unwrap().json().await.unwrap();
        answer["records"].as_array().unwrap_or_else(|| panic!("{soql}: {answer}")).clone()
    }

    /// The answer to a query of the Tooling API.
    pub(crate) async fn tooling_query(&self, soql: &str) -> Value {
        let path = format!("tooling/query?q={}", soql.replace(' ', "+"));
        self.send(Method::GET, &path, json!({})).await
    }

    /// Does something to the org's events.
    pub(crate) async fn act_on_events(&self, action: Value) {
        self.control("events", action).await;
    }

    /// Another user of the org writes, all in one transaction. (`crates/org/src/http/control.rs` says what can be written.)
    pub(crate) async fn write(&self, writes: Value) {
        self.control("write", json!({ "writes": writes, "all_or_none": true })).await;
    }

    /// Adds a rule of what happens to some requests.
    pub(crate) async fn add_fault(&self, rule: Value) {
        self.control("faults", rule).await;
    }

    /// Ends all faults.
    pub(crate) async fn mend(&self) {
        self.tell(Method::DELETE, "faults", json!({})).await;
    }

    /// Whether all rules that end after so many requests have met them.
    pub(crate) async fn faults_are_met(&self) -> bool {
        let url = format!("{}/__control/faults", self.url.replace("/services/data/v64.0", ""));
        let faults: Value = client().get(url).send().await.unwrap().json().await.unwrap();
        faults["rules"].as_array().unwrap().iter().all(|rule| rule["times"] == 0)
    }

    /// Lets accounts be people.
    pub(crate) async fn enable_person_accounts(&self) {
        self.tell(Method::PUT, "features", json!({ "person_accounts": true })).await;
    }

    /// How many custom fields an object may have; null is what the edition allows.
    pub(crate) async fn limit_custom_fields(&self, most: Value) {
        self.tell(Method::PUT, "limits", json!({ "custom_fields_max": most })).await;
    }

    async fn control(&self, what: &str, body: Value) {
        self.tell(Method::POST, what, body).await;
    }

    async fn tell(&self, method: Method, what: &str, body: Value) {
        let url = format!("{}/__control/{what}", self.url.replace("/services/data/v64.0", ""));
        let answer = client().request(method, url).json(&body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success() && !text.contains("\"success\":false"), "{body}: {text}");
    }

    /// The value of a field; null where there is none yet.
    pub(crate) async fn value(&self, object: &str, id: &str, field: &str) -> Value {
        self.send(Method::GET, &format!("sobjects/{object}/{id}"), json!({})).await[field].take()
    }

    /// Makes a custom object with a text field beside its name, which everybody with the system administrator's rights may use. Gives
    /// the id of its definition.
    pub(crate) async fn make_object(&self, name: &str, field: &str) -> String {
        let label = name.trim_end_matches("__c");
        let metadata = json!({
            "label": label, "pluralLabel": format!("{label}s"), "nameField": { "type": "Text", "label": "Name" },
            "deploymentStatus": "Deployed", "sharingModel": "ReadWrite",
        });
        let object = json!({ "FullName": name, "Metadata": metadata });
        let made = self.send(Method::POST, "tooling/sobjects/CustomObject", object).await;
        self.make_field(name, field, json!({ "type": "Text", "label": "Stage", "length": 80 })).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// Makes a field and grants it to the connected user.
    pub(crate) async fn make_field(&self, object: &str, field: &str, metadata: Value) {
        let full_name = format!("{object}.{field}");
        let made = json!({ "FullName": full_name, "Metadata": metadata });
        self.send(Method::POST, "tooling/sobjects/CustomField", made).await;
        self.grant(&format!("Username = '{}'", self.username), &[&full_name]).await;
    }

    /// Lets the profile of the connected user see a field and change it, or not.
    pub(crate) async fn set_access(&self, field: &str, read: bool, edit: bool) {
        let permission = format!("SELECT Id FROM FieldPermissions WHERE Field = '{field}' AND {OF_PROFILE}");
        let id = self.query(&permission).await[0]["Id"].take();
        let access = json!({ "PermissionsRead": read, "PermissionsEdit": edit });
        self.edit("FieldPermissions", id.as_str().unwrap(), access).await;
    }

    /// Takes an object away from the profile of the connected user; gives what gives it back.
    pub(crate) async fn hide_object(&self, object: &str) -> Value {
        let names = ["ParentId", "SobjectType"].into_iter().chain(OBJECT_PERMISSIONS);
        let names = names.collect::<Vec<_>>().join(", ");
        let permission =
            format!("SELECT Id, {names} FROM ObjectPermissions WHERE SobjectType = '{object}' AND {OF_PROFILE}");
        let mut row = self.query(&permission).await.remove(0);
        let values = row.as_object_mut().unwrap();
        values.remove("attributes");
        let id = values.remove("Id").unwrap();
        // Whoever may see all data sees all objects.
        let all = json!({ "PermissionsModifyAllData": false, "PermissionsViewAllData": false });
        self.edit("PermissionSet", values["ParentId"].as_str().unwrap(), all).await;
        self.delete("ObjectPermissions", id.as_str().unwrap()).await;
        row
    }

    /// Grants fields to whoever writes by [`Org::write`], whatever the profile of both says.
    pub(crate) async fn grant_to_others(&self, fields: &[&str]) {
        self.grant(&format!("Username != '{}' AND Profile.Name = 'System Administrator'", self.username), fields).await;
    }

    /// Grants fields to users by a permission set.
    async fn grant(&self, users: &str, fields: &[&str]) {
        let others = self.query("SELECT Id FROM PermissionSet").await.len();
        let set = self.create("PermissionSet", json!({ "Name": format!("Test{others}"), "Label": "Of a test" })).await;
        for field in fields {
            let object = field.split_once('.').unwrap().0;
            let grant = json!({
                "ParentId": set, "SobjectType": object, "Field": field, "PermissionsRead": true, "PermissionsEdit": true,
            });
            self.create("FieldPermissions", grant).await;
        }
        for user in self.query(&format!("SELECT Id FROM User WHERE {users}")).await {
            let assignment = json!({ "PermissionSetId": set, "AssigneeId": user["Id"] });
            self.create("PermissionSetAssignment", assignment).await;
        }
    }

    pub(crate) async fn remove_object(&self, definition: &str) {
        self.send(Method::DELETE, &format!("tooling/sobjects/CustomObject/{definition}"), json!({})).await;
    }
}
