//! Who a token belongs to: the identity URL and OpenID's userinfo.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::answer::ok;
use super::data::VERSION_MAX;
use super::html::escape;
use super::{Web, access_token, origin};
use crate::core::oauth::Session;
use crate::core::value::{FieldRef, FieldValue};
use crate::core::{Org, Permission, id};

/// `GET` or `POST /id/ORG/USER`.
pub(crate) async fn identity(
    State(web): State<Web>,
    Path((org_id, user_id)): Path<(String, String)>,
    Query(mut parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    parameters.extend(url::form_urlencoded::parse(&body).into_owned());
    let mut body = describe(&web, (&org_id, &user_id), &parameters, &headers)?;
    if parameters.get("version").is_some_and(|version| version == "latest")
        && let Some(urls) = body["urls"].as_object_mut()
    {
        for url in urls.values_mut() {
            *url = json!(url.as_str().unwrap_or_default().replace("{version}", &format!("{VERSION_MAX}.0")));
        }
    }
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    let wants_xml = match parameters.get("format").map(String::as_str) {
        Some(format) => format == "xml",
        None => accept.starts_with("application/xml"),
    };
    Ok(if wants_xml { xml(&body) } else { ok(&body) })
}

/// What the identity URL of a user says.
fn describe(
    web: &Web,
    (org_id, user_id): (&str, &str),
    parameters: &HashMap<String, String>,
    headers: &HeaderMap,
) -> Result<Value, Refusal> {
    let now_ms = web.org.now_ms();
    let mut org = web.org.lock();
    let session = org.use_session(sent_token(headers, parameters).ok_or(MISSING_TOKEN)?, now_ms).ok_or(BAD_TOKEN)?;
    if id::normalize(org_id).ok_or(BAD_ID)? != org.org_id() {
        return Err(WRONG_ORG);
    }
    let user_id = id::normalize(user_id).filter(|id| id.starts_with("005")).ok_or(BAD_ID)?;
    let person = Person::of(&org, &user_id).ok_or(BAD_ID)?;
    if user_id != session.user_id && !org.access(&session.user_id, now_ms).has(Permission::ViewAllUsers) {
        return Err(NO_ACCESS);
    }
    let origin = origin(headers);
    Ok(json!({
        "id": format!("{origin}/id/{}/{user_id}", org.org_id()),
        "asserted_user": user_id == session.user_id,
        "user_id": user_id,
        "organization_id": org.org_id(),
        "username": person.text("Username"),
        "nick_name": person.text("CommunityNickname"),
        "display_name": person.text("Name"),
        "email": person.text("Email"),
        "email_verified": true,
        "first_name": person.text("FirstName"),
        "last_name": person.text("LastName"),
        "timezone": person.text("TimeZoneSidKey"),
        "photos": photos(&origin),
        "addr_street": person.text("Street"),
        "addr_city": person.text("City"),
        "addr_state": person.text("State"),
        "addr_country": person.text("Country"),
        "addr_zip": person.text("PostalCode"),
        "mobile_phone": person.text("MobilePhone"),
        "mobile_phone_verified": false,
        "is_lightning_login_user": false,
        "status": { "created_date": null, "body": null },
        "urls": urls(&origin, org.org_id(), &user_id),
        "active": person.value("IsActive") == FieldValue::Boolean(true),
        "user_type": person.user_type(),
        "language": person.text("LanguageLocaleKey"),
        "locale": person.text("LocaleSidKey"),
        "utcOffset": person.utc_offset_ms(now_ms),
        "last_modified_date": person.last_modified(),
        "is_app_installed": is_app_installed(&org, &session),
    }))
}

/// `GET` or `POST /services/oauth2/userinfo`.
pub(crate) async fn userinfo(
    State(web): State<Web>,
    Query(mut parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    parameters.extend(url::form_urlencoded::parse(&body).into_owned());
    let now_ms = web.org.now_ms();
    let mut org = web.org.lock();
    let session = org.use_session(sent_token(&headers, &parameters).ok_or(MISSING_TOKEN)?, now_ms).ok_or(BAD_TOKEN)?;
    let person = Person::of(&org, &session.user_id).ok_or(BAD_TOKEN)?;
    let origin = origin(&headers);
    Ok(ok(&json!({
        "sub": format!("{origin}/id/{}/{}", org.org_id(), session.user_id),
        "user_id": session.user_id,
        "organization_id": org.org_id(),
        "preferred_username": person.text("Username"),
        "nickname": person.text("CommunityNickname"),
        "name": person.text("Name"),
        "email": person.text("Email"),
        "email_verified": true,
        "given_name": person.text("FirstName"),
        "family_name": person.text("LastName"),
        "zoneinfo": person.text("TimeZoneSidKey"),
        "photos": photos(&origin),
        "profile": format!("{origin}/{}", session.user_id),
        "picture": format!("{origin}/profilephoto/005/F"),
        "address": person.address(),
        "is_salesforce_integration_user": false,
        "urls": urls(&origin, org.org_id(), &session.user_id),
        "active": person.value("IsActive") == FieldValue::Boolean(true),
        "user_type": person.user_type(),
        "language": person.text("LanguageLocaleKey"),
        "locale": person.text("LocaleSidKey"),
        "utcOffset": person.utc_offset_ms(now_ms),
        "updated_at": person.last_modified(),
        "is_app_installed": is_app_installed(&org, &session),
    })))
}

/// The token of a request to one of these endpoints, which take it as a parameter too.
fn sent_token<'r>(headers: &'r HeaderMap, parameters: &'r HashMap<String, String>) -> Option<&'r str> {
    let parameter = || parameters.get("oauth_token").or_else(|| parameters.get("access_token")).map(String::as_str);
    access_token(headers).or_else(parameter)
}

/// The user record behind a session.
struct Person<'o> {
    object: &'o crate::core::ObjectSchema,
    row: &'o crate::core::Row,
}

impl<'o> Person<'o> {
    fn of(org: &'o Org, user_id: &str) -> Option<Person<'o>> {
        org.record(user_id).map(|(object, row)| Person { object, row })
    }

    fn value(&self, field: &str) -> FieldRef<'o> {
        self.object.index_of(field).map_or(FieldValue::Null, |index| self.row.get(index))
    }

    fn text(&self, field: &str) -> Option<&'o str> {
        self.value(field).as_text()
    }

    /// `STANDARD`, `POWER_PARTNER` and so on.
    fn user_type(&self) -> String {
        let mut name = String::new();
        for letter in self.text("UserType").unwrap_or("Standard").chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_uppercase());
        }
        name
    }

    /// How far the user's clock is ahead of UTC without daylight saving, which every zone has for a part of the year or never.
    fn utc_offset_ms(&self, now_ms: i64) -> i64 {
        const HALF_A_YEAR_MS: i64 = 182 * 24 * 3600 * 1000;
        let zone = self.text("TimeZoneSidKey").and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
        let offset_s = |ms: i64| zone.to_offset(Timestamp::from_millisecond(ms).unwrap_or_default()).seconds();
        i64::from(offset_s(now_ms).min(offset_s(now_ms - HALF_A_YEAR_MS))) * 1000
    }

    /// To the second, as no other endpoint has it.
    fn last_modified(&self) -> Option<String> {
        match self.value("LastModifiedDate") {
            FieldValue::DateTime(ms) => {
                Some(Timestamp::from_millisecond(ms).ok()?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
            }
            _ => None,
        }
    }

    /// OpenID's address, of those parts that are known.
    fn address(&self) -> Value {
        let parts = [
            ("street_address", "Street"),
            ("locality", "City"),
            ("region", "State"),
            ("postal_code", "PostalCode"),
            ("country", "Country"),
        ];
        parts.into_iter().filter_map(|(name, field)| Some((name.to_owned(), json!(self.text(field)?)))).collect()
    }
}

/// Whether the app that a session is of stands in the org's list of installed ones.
fn is_app_installed(org: &Org, session: &Session) -> bool {
    session.client_id.as_deref().and_then(|id| org.client(id)).is_some_and(|client| client.is_installed)
}

fn photos(origin: &str) -> Value {
    json!({ "picture": format!("{origin}/profilephoto/005/F"), "thumbnail": format!("{origin}/profilephoto/005/T") })
}

/// The literal `{version}` is for the client to fill in.
fn urls(origin: &str, org_id: &str, user_id: &str) -> Value {
    let org_id15 = org_id.get(..15).unwrap_or(org_id);
    let data = format!("{origin}/services/data/v{{version}}");
    json!({
        "enterprise": format!("{origin}/services/Soap/c/{{version}}/{org_id15}"),
        "metadata": format!("{origin}/services/Soap/m/{{version}}/{org_id15}"),
        "partner": format!("{origin}/services/Soap/u/{{version}}/{org_id15}"),
        "rest": format!("{data}/"),
        "sobjects": format!("{data}/sobjects/"),
        "search": format!("{data}/search/"),
        "query": format!("{data}/query/"),
        "recent": format!("{data}/recent/"),
        "tooling_soap": format!("{origin}/services/Soap/T/{{version}}/{org_id15}"),
        "tooling_rest": format!("{data}/tooling/"),
        "profile": format!("{origin}/{user_id}"),
        "feeds": format!("{data}/chatter/feeds"),
        "groups": format!("{data}/chatter/groups"),
        "users": format!("{data}/chatter/users"),
        "feed_items": format!("{data}/chatter/feed-items"),
        "feed_elements": format!("{data}/chatter/feed-elements"),
        "custom_domain": origin,
    })
}

/// The same as XML: an element for each member.
fn xml(body: &Value) -> Response {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned();
    element(&mut text, "user", body);
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/xml;charset=UTF-8")], text).into_response()
}

fn element(text: &mut String, name: &str, value: &Value) {
    match value {
        Value::Null => {
            text.push_str(&format!(
                "<{name} xsi:nil=\"true\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"/>"
            ));
            return;
        }
        Value::Object(members) => {
            text.push_str(&format!("<{name}>"));
            for (name, value) in members {
                element(text, name, value);
            }
        }
        Value::String(value) => text.push_str(&format!("<{name}>{}", escape(value))),
        other => text.push_str(&format!("<{name}>{}", escape(&other.to_string()))),
    }
    text.push_str(&format!("</{name}>"));
}

/// These two endpoints refuse with a bare word, unlike the data API (REST guide, "Identity URLs").
pub(crate) struct Refusal(StatusCode, &'static str);

const MISSING_TOKEN: Refusal = Refusal(StatusCode::FORBIDDEN, "Missing_OAuth_Token");
const BAD_TOKEN: Refusal = Refusal(StatusCode::FORBIDDEN, "Bad_OAuth_Token");
const WRONG_ORG: Refusal = Refusal(StatusCode::FORBIDDEN, "Wrong_Org");
const BAD_ID: Refusal = Refusal(StatusCode::NOT_FOUND, "Bad_Id");
const NO_ACCESS: Refusal = Refusal(StatusCode::NOT_FOUND, "No_Access");

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, [(header::CONTENT_TYPE, "text/html;charset=UTF-8")], self.1).into_response()
    }
}
