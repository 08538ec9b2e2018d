//! The page where a person signs in and lets a client in, and what it sends back to the client.

use std::collections::HashMap;

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::html::{CLOUD, escape, page as html_page};
use super::{SESSION_COOKIE, Web, cookie, see_other};
use crate::core::oauth::{CodeRequest, SCOPES};

/// Where a browser ends up whose error may not go to the callback.
pub(super) const ERROR_PAGE: &str = "/setup/secur/RemoteAccessErrorPage.apexp";

/// `GET /services/oauth2/authorize`.
pub(super) async fn page(
    State(web): State<Web>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let asked = match Asked::from(&web, &parameters) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    let known_user = if asked.get("prompt").contains("login") { None } else { signed_in_user(&web, &headers) };
    if asked.get("immediate") == "true" {
        let approved = known_user.filter(|user_id| web.org.lock().has_grant(user_id, &asked.request.client_id));
        return match approved {
            Some(user_id) => asked.allow(&web, &user_id),
            None => asked.send_back(&[("error", "immediate_unsuccessful")]),
        };
    }
    asked.show(&web, known_user.as_deref(), None)
}

/// `POST /services/oauth2/authorize`: Allow or Deny.
pub(super) async fn decide(
    State(web): State<Web>,
    headers: HeaderMap,
    Form(parameters): Form<HashMap<String, String>>,
) -> Response {
    let asked = match Asked::from(&web, &parameters) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    if asked.get("decision") == "deny" {
        return asked.send_back(&[("error", "access_denied"), ("error_description", "end-user denied authorization")]);
    }
    let user_id = if asked.parameters.contains_key("username") {
        web.org.lock().authenticate(asked.get("username").trim(), asked.get("password")).ok()
    } else {
        signed_in_user(&web, &headers)
    };
    let Some(user_id) = user_id else {
        let words = "Please check your username and password. If you still can't log in, contact your Salesforce administrator.";
        return asked.show(&web, None, Some(words));
    };
    asked.allow(&web, &user_id)
}

/// `GET /setup/secur/RemoteAccessErrorPage.apexp`.
pub(super) async fn error_page(Query(parameters): Query<HashMap<String, String>>) -> Response {
    let get = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    refuse(get("error"), get("error_description"))
}

/// A request to the page whose client and callback have been found good.
struct Asked<'p> {
    parameters: &'p HashMap<String, String>,
    request: CodeRequest,
    client_name: String,
}

impl<'p> Asked<'p> {
    /// Reads the request, or answers it: with a page where the callback cannot be trusted, else at the callback.
    fn from(web: &Web, parameters: &'p HashMap<String, String>) -> Result<Asked<'p>, Box<Response>> {
        let get = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
        let given = |name: &str| Some(get(name).to_owned()).filter(|value| !value.is_empty());
        let mut request = CodeRequest {
            client_id: get("client_id").to_owned(),
            redirect_uri: get("redirect_uri").to_owned(),
            scope: get("scope").to_owned(),
            code_challenge: given("code_challenge"),
            nonce: given("nonce"),
        };
        let org = web.org.lock();
        let checked = org.check_code_request(&request).map(|client| client.name.clone());
        let client_name = checked.map_err(|error| Box::new(refuse(error.error, error.description)))?;
        let fault = if get("response_type") != "code" {
            Some(("unsupported_response_type", "response type not supported"))
        } else if request.code_challenge.is_some() && !matches!(get("code_challenge_method"), "S256" | "") {
            Some(("invalid_request", "code_challenge_method must be S256"))
        } else {
            let terms = org.check_code_terms(&request);
            terms.map(|scope| request.scope = scope).err().map(|error| (error.error, error.description))
        };
        drop(org);
        let asked = Asked { parameters, request, client_name };
        match fault {
            Some((error, words)) => Err(Box::new(asked.send_back(&[("error", error), ("error_description", words)]))),
            None => Ok(asked),
        }
    }

    /// To the callback with a code; to the error page if this user may not let the app in.
    fn allow(&self, web: &Web, user_id: &str) -> Response {
        let now_ms = web.org.now_ms();
        let issued = web.org.lock().issue_code(self.request.clone(), user_id, now_ms);
        match issued {
            Ok(code) => self.send_back(&[("code", &code)]),
            Err(error) => {
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                query.extend_pairs([("error", error.error), ("error_description", error.description)]);
                see_other(&format!("{ERROR_PAGE}?{}", query.finish()))
            }
        }
    }

    fn get(&self, name: &str) -> &str {
        self.parameters.get(name).map(String::as_str).unwrap_or_default()
    }

    /// To the callback, with the state that came.
    fn send_back(&self, answer: &[(&str, &str)]) -> Response {
        let Ok(mut callback) = url::Url::parse(&self.request.redirect_uri) else {
            return html_page(StatusCode::BAD_REQUEST, "Error", "<p>The callback is no URL.</p>");
        };
        callback.query_pairs_mut().extend_pairs(answer);
        if let Some(state) = self.parameters.get("state") {
            callback.query_pairs_mut().append_pair("state", state);
        }
        see_other(callback.as_str())
    }

    fn show(&self, web: &Web, known_user: Option<&str>, alert: Option<&str>) -> Response {
        let org_name = web.org.lock().name().to_owned();
        let mut hidden = String::new();
        for name in [
            "response_type",
            "client_id",
            "redirect_uri",
            "scope",
            "state",
            "code_challenge",
            "code_challenge_method",
            "nonce",
            "prompt",
        ] {
            if let Some(value) = self.parameters.get(name) {
                hidden.push_str(&format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value)));
            }
        }
        let mut words: Vec<&str> = Vec::new();
        for (scope, meaning) in SCOPES {
            if self.request.scope.split_whitespace().any(|asked| asked == *scope) && !words.contains(meaning) {
                words.push(meaning);
            }
        }
        let scopes: String = words.iter().map(|words| format!("<li>{words}</li>")).collect();
        let who = match known_user {
            Some(user_id) => format!("<p class=\"muted\">Signed in as {}.</p>", escape(&username(web, user_id))),
            None => {
                let hint = self.parameters.get("username").or_else(|| self.parameters.get("login_hint"));
                format!(
                    "<label for=\"username\">Username</label><input id=\"username\" name=\"username\" type=\"text\" \
                     autocomplete=\"username\" required value=\"{}\"><label for=\"password\">Password</label>\
                     <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>",
                    escape(hint.map_or("", String::as_str))
                )
            }
        };
        let alert =
            alert.map_or_else(String::new, |words| format!("<p class=\"alert\" role=\"alert\">{}</p>", escape(words)));
        let body = format!(
            "<main class=\"door\"><form class=\"card\" method=\"post\" action=\"/services/oauth2/authorize\">{CLOUD}\
             <h1>Allow Access?</h1>{alert}<p><strong>{client}</strong> is asking to access {org}:</p><ul>{scopes}</ul>{hidden}{who}\
             <div class=\"row\"><button class=\"main\" name=\"decision\" value=\"allow\">Allow</button>\
             <button name=\"decision\" value=\"deny\" formnovalidate>Deny</button></div></form></main>",
            client = escape(&self.client_name),
            org = escape(&org_name),
        );
        html_page(StatusCode::OK, "Allow Access?", &body)
    }
}

/// An error that may not go to the callback, since nobody vouches for it.
fn refuse(error: &str, words: &str) -> Response {
    let body = format!(
        "<main class=\"door\"><div class=\"card\">{CLOUD}<h1>OAuth Error</h1><p class=\"alert\">We can't authorize you because of \
         an OAuth error. For more information, contact your Salesforce administrator.</p>\
         <p>error={}&amp;error_description={}</p></div></main>",
        escape(error),
        escape(words)
    );
    html_page(StatusCode::BAD_REQUEST, "OAuth Error", &body)
}

/// The user of the console in this browser.
pub(super) fn signed_in_user(web: &Web, headers: &HeaderMap) -> Option<String> {
    let now_ms = web.org.now_ms();
    web.org.lock().use_session(cookie(headers, SESSION_COOKIE)?, now_ms).map(|session| session.user_id)
}

/// The sign-in name of a user.
pub(super) fn username(web: &Web, user_id: &str) -> String {
    let org = web.org.lock();
    let name = org
        .record(user_id)
        .and_then(|(object, row)| row.get(object.index_of("Username")?).as_text().map(str::to_owned));
    name.unwrap_or_default()
}
