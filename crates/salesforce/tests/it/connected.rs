//! An org to talk to, a place for credentials, and a connection between the two.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use secrecy::ExposeSecret;
use serde_json::{Value as Json, json};
use syncline_model::clock::{Clock, SystemClock};
use syncline_org::{
    OrgOptions, RunningOrg,
    core::{Write, WriteContext},
};
use syncline_salesforce::{
    App, BulkSettings, CredentialError, CredentialStore, Credentials, Granted, OAuthClient, Pkce, PubSubSettings,
    Salesforce, SalesforceSettings, random_token,
};

pub(crate) const REDIRECT: &str = "http://localhost:7/callback";

/// Keeps credentials in memory, and remembers every one that was saved.
#[derive(Default)]
pub(crate) struct Drawer {
    kept: Mutex<Vec<String>>,
    /// While set, saving fails.
    pub(crate) is_locked: AtomicBool,
    /// Once that many were saved, saving fails too, as if we had died.
    pub(crate) saves_max: Mutex<Option<usize>>,
    pub(crate) saves: AtomicUsize,
}

impl Drawer {
    pub(crate) fn with(credentials: &Credentials) -> Arc<Self> {
        let kept = Mutex::new(vec![credentials.to_json().expose_secret().to_owned()]);
        Arc::new(Self { kept, ..Self::default() })
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(self.kept.lock().unwrap().last().unwrap()).unwrap()
    }
}

#[async_trait]
impl CredentialStore for Drawer {
    async fn load(&self) -> Result<Credentials, CredentialError> {
        Credentials::from_json(self.kept.lock().unwrap().last().unwrap())
    }

    async fn save(&self, credentials: &Credentials) -> Result<(), CredentialError> {
        let saved = self.saves.fetch_add(1, Ordering::SeqCst);
        if self.is_locked.load(Ordering::SeqCst) || self.saves_max.lock().unwrap().is_some_and(|max| saved >= max) {
            return Err(CredentialError::new("the drawer is locked"));
        }
        self.kept.lock().unwrap().push(credentials.to_json().expose_secret().to_owned());
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests' own client; a hanging test is seen by its runner")]
fn administrator() -> reqwest::Client {
    reqwest::Client::new()
}

/// A connected org.
pub(crate) struct Connected {
    pub(crate) org: RunningOrg,
    pub(crate) granted: Granted,
    pub(crate) drawer: Arc<Drawer>,
    pub(crate) salesforce: Salesforce,
}

pub(crate) fn oauth_client(org: &RunningOrg) -> OAuthClient {
    OAuthClient::new(&org.url, app(org), None).unwrap()
}

pub(crate) fn app(org: &RunningOrg) -> App {
    App { client_id: org.client_id.clone(), client_secret: org.client_secret.clone().into() }
}

pub(crate) fn settings(org: &RunningOrg) -> SalesforceSettings {
    let pubsub = PubSubSettings { url: org.pubsub_url.clone(), ..PubSubSettings::default() };
    SalesforceSettings { app: app(org), pubsub, bulk: swift(), extra_ca: None, channel_key: "environment 1".to_owned() }
}

/// Bulk jobs of an org that does them at once.
pub(crate) fn swift() -> BulkSettings {
    BulkSettings {
        first_wait: Duration::from_millis(5),
        longest_wait: Duration::from_millis(100),
        patience: Duration::from_secs(60),
    }
}

/// Walks a browser through the authorize page; the query of the callback, by name.
pub(crate) async fn allow(org: &RunningOrg, authorize_url: &url::Url) -> std::collections::HashMap<String, String> {
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let page = browser.get(authorize_url.clone()).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    let mut form: Vec<(String, String)> = hidden_inputs(&page);
    form.push(("username".into(), org.org_username.clone()));
    form.push(("password".into(), org.org_password.clone()));
    form.push(("decision".into(), "allow".into()));
    let answer = browser.post(format!("{}/services/oauth2/authorize", org.url)).form(&form).send().await.unwrap();
    assert!(answer.status().is_redirection(), "{}: {}", answer.status(), answer.text().await.unwrap());
    let callback = url::Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    assert!(callback.as_str().starts_with(REDIRECT), "{callback}");
    callback.query_pairs().into_owned().collect()
}

/// Names and values of the page's hidden inputs.
fn hidden_inputs(page: &str) -> Vec<(String, String)> {
    let attribute = |input: &str, name: &str| {
        let (_, rest) = input.split_once(&format!("{name}=\""))?;
        let (value, _) = rest.split_once('"')?;
        Some(value.replace("&quot;", "\"").replace("&#39;", "'").replace("&lt;", "<").replace("&amp;", "&"))
    };
    page.split("<input ")
        .skip(1)
        .filter(|input| input.contains("type=\"hidden\""))
        .filter_map(|input| attribute(input, "name").zip(attribute(input, "value")))
        .collect()
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

pub(crate) fn now() -> jiff::Timestamp {
    SystemClock.now()
}

/// Connects by the web-server flow, as a person would.
pub(crate) async fn connect() -> Connected {
    connect_to(syncline_org::start(OrgOptions::default()).await.unwrap()).await
}

pub(crate) async fn connect_to(org: RunningOrg) -> Connected {
    let client = oauth_client(&org);
    let (pkce, state) = (Pkce::new(), random_token());
    let callback = allow(&org, &client.authorize_url(REDIRECT, &state, &pkce)).await;
    assert_eq!(callback["state"], state);
    let granted = client.exchange_code(&callback["code"], REDIRECT, &pkce.verifier, now()).await.unwrap();
    let drawer = Drawer::with(&granted.credentials);
    let store: Arc<dyn CredentialStore> = drawer.clone();
    let salesforce = Salesforce::connect(&settings(&org), &granted.identity, store, clock()).unwrap();
    org.handle().ledger().reset();
    Connected { org, granted, drawer, salesforce }
}

impl Connected {
    /// Makes a record from within the org.
    pub(crate) fn create(&self, object: &str, values: Json) -> String {
        let Json::Object(values) = values else { panic!("fields come as an object") };
        self.commit(Write::Create { object: object.to_owned(), values })
    }

    /// Changes a record from within the org, as a person at its console would.
    pub(crate) fn edit(&self, id: &str, values: Json) {
        let Json::Object(values) = values else { panic!("fields come as an object") };
        self.commit(Write::Update { object: None, id: id.to_owned(), values });
    }

    pub(crate) fn commit(&self, write: Write) -> String {
        let handle = self.org.handle();
        let user_id = handle.lock().admin_user_id().to_owned();
        let context = WriteContext { user_id, change_origin: String::new(), now_ms: handle.now_ms() };
        handle.commit(&context, true, vec![write]).pop().unwrap().unwrap().id
    }

    pub(crate) fn contact(&self, email: &str) -> String {
        self.create("Contact", json!({"LastName": "Ek", "Email": email}))
    }

    /// A call of the org's administrator to a path under the API's version.
    pub(crate) async fn send(&self, method: reqwest::Method, path: &str, body: Json) -> Json {
        let url = format!("{}/services/data/v66.0{path}", self.org.url);
        let request = administrator().request(method, url).bearer_auth(self.org.access_token());
        let answer = request.json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
    }

    /// Rows of a statement as the org's administrator sees them; `api` is empty or `/tooling`.
    pub(crate) async fn select(&self, api: &str, statement: &str) -> Vec<Json> {
        let url = format!("{}/services/data/v66.0{api}/query", self.org.url);
        let request = administrator().get(url).query(&[("q", statement)]).bearer_auth(self.org.access_token());
        let page: Json = request.send().await.unwrap().json().await.unwrap();
        page["records"].as_array().unwrap_or_else(|| panic!("{page}")).clone()
    }

    /// Lets everybody with the administrator's profile see and change a field.
    pub(crate) async fn give_access(&self, object: &str, field: &str) {
        let statement = "SELECT Id FROM PermissionSet WHERE Profile.Name = 'System Administrator'";
        let set = self.select("", statement).await[0]["Id"].clone();
        let field = format!("{object}.{field}");
        let values = json!({ "ParentId": set, "SobjectType": object, "Field": field, "PermissionsRead": true, "PermissionsEdit": true });
        self.send(reqwest::Method::POST, "/sobjects/FieldPermissions", values).await;
    }

    /// Takes the administrator's profile from the connected user, as somebody else would.
    pub(crate) async fn as_standard_user(&self) {
        let profile = self.select("", "SELECT Id FROM Profile WHERE Name = 'Standard User'").await[0]["Id"].clone();
        let user = self.granted.identity.user_id.clone();
        let Json::Object(values) = json!({ "ProfileId": profile }) else { unreachable!() };
        self.commit(Write::Update { object: None, id: user, values });
    }

    /// Another connector of the same connection.
    pub(crate) fn again(&self, settings: &SalesforceSettings) -> Salesforce {
        let store: Arc<dyn CredentialStore> = self.drawer.clone();
        Salesforce::connect(settings, &self.granted.identity, store, clock()).unwrap()
    }

    /// Lets the connected user read and change these fields.
    pub(crate) fn grant_fields(&self, object: &str, names: &[String]) {
        let set = self.create("PermissionSet", json!({"Name": "Fields", "Label": "Fields"}));
        let user = self.org.handle().lock().admin_user_id().to_owned();
        self.create("PermissionSetAssignment", json!({"PermissionSetId": set, "AssigneeId": user}));
        for name in names {
            self.create(
                "FieldPermissions",
                json!({"ParentId": set, "SobjectType": object, "Field": format!("{object}.{name}"),
                    "PermissionsRead": true, "PermissionsEdit": true}),
            );
        }
    }

    pub(crate) fn end_sessions(&self) {
        self.org.handle().lock().end_all_sessions();
    }

    /// Calls of one kind that reached the org since it was connected.
    pub(crate) fn calls(&self, kind: &str) -> u64 {
        self.org.handle().ledger().report().counts.get(kind).copied().unwrap_or(0)
    }

    /// How calls were answered whose method and path begin like that, in order.
    pub(crate) fn statuses(&self, method: &str, path: &str) -> Vec<u16> {
        let recent = self.org.handle().ledger().report().recent;
        let is_meant = |entry: &&syncline_org::LedgerEntry| entry.method == method && entry.path.starts_with(path);
        recent.iter().filter(is_meant).map(|entry| entry.status).collect()
    }
}
