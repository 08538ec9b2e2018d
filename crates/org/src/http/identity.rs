//! Who a token belongs to: the identity URL and OpenID's userinfo.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::ok;
use super::{Web, access_token, origin};
use crate::core::value::{FieldRef, FieldValue};
use crate::core::{Org, id};

/// `GET /id/ORG/USER`.
pub(crate) async fn identity(
    State(web): State<Web>,
    Path((org_id, user_id)): Path<(String, String)>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let token = access_token(&headers).or_else(|| parameters.get("oauth_token").map(String::as_str));
    let now_ms = web.org.now_ms();
    let mut org = web.org.lock();
    let session = token.and_then(|token| org.use_session(token, now_ms));
    let (Some(session), Some(asked)) = (session, id::normalize(&user_id)) else { return bad_token() };
    if id::normalize(&org_id).as_deref() != Some(org.org_id()) || asked != session.user_id {
        return refused("Wrong_Org");
    }
    let Some(person) = Person::of(&org, &session.user_id) else { return bad_token() };
    let origin = origin(&headers);
    let body = json!({
        "id": format!("{origin}/id/{}/{}", org.org_id(), session.user_id),
        "asserted_user": true,
        "user_id": session.user_id,
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
        "urls": urls(&origin, org.org_id(), &session.user_id),
        "active": true,
        "user_type": "STANDARD",
        "language": person.text("LanguageLocaleKey"),
        "locale": person.text("LocaleSidKey"),
        "utcOffset": -28_800_000,
        "last_modified_date": person.json("LastModifiedDate"),
        "is_app_installed": true,
    });
    ok(&body)
}

/// `GET` or `POST /services/oauth2/userinfo`.
pub(crate) async fn userinfo(State(web): State<Web>, headers: HeaderMap) -> Response {
    let now_ms = web.org.now_ms();
    let mut org = web.org.lock();
    let session = access_token(&headers).and_then(|token| org.use_session(token, now_ms));
    let Some(session) = session else { return bad_token() };
    let Some(person) = Person::of(&org, &session.user_id) else { return bad_token() };
    let origin = origin(&headers);
    let body = json!({
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
        "profile": format!("{origin}/console/User/{}", session.user_id),
        "picture": format!("{origin}/profilephoto/005/F"),
        "address": {},
        "is_salesforce_integration_user": false,
        "urls": urls(&origin, org.org_id(), &session.user_id),
        "active": true,
        "user_type": "STANDARD",
        "language": person.text("LanguageLocaleKey"),
        "locale": person.text("LocaleSidKey"),
        "utcOffset": -28_800_000,
        "updated_at": person.json("LastModifiedDate"),
        "is_app_installed": true,
    });
    ok(&body)
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

    fn json(&self, field: &str) -> Value {
        self.value(field).to_json()
    }
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

/// These two endpoints answer a dead token with bare text, unlike the data API.
fn bad_token() -> Response {
    refused("Bad_OAuth_Token")
}

fn refused(word: &'static str) -> Response {
    (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, "text/html;charset=UTF-8")], word).into_response()
}
