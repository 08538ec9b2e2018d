//! Signing in: the web-server flow with PKCE, rotation, and the other ways in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::web::{CALLBACK, CHALLENGE, VERIFIER, Web};

pub(crate) fn refusal(error: &str, description: &str) -> Value {
    json!({ "error": error, "error_description": description })
}

/// Signs in on the page and gives the parameters that came to the callback.
pub(crate) async fn allow(web: &Web, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut form = vec![
        ("response_type", "code"),
        ("client_id", web.org.client_id.as_str()),
        ("redirect_uri", CALLBACK),
        ("scope", "api refresh_token id"),
        ("state", "s &1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("username", web.org.org_username.as_str()),
        ("password", web.org.org_password.as_str()),
        ("decision", "allow"),
    ];
    form.retain(|(name, _)| more.iter().all(|(own, _)| own != name));
    form.extend(more);
    let answer =
        web.http.post(web.url("/services/oauth2/authorize")).form(&form).send().await.expect("the org answers");
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let location = answer.headers()["location"].to_str().expect("an address");
    assert!(location.starts_with(CALLBACK), "{location}");
    url::Url::parse(location).expect("a URL").query_pairs().into_owned().collect()
}

pub(crate) async fn code(web: &Web) -> String {
    let parameters = allow(web, &[]).await;
    assert_eq!(parameters[1], ("state".to_owned(), "s &1".to_owned()));
    assert_eq!(parameters[0].0, "code");
    parameters[0].1.clone()
}

pub(crate) async fn exchange(web: &Web, code: &str, verifier: &str) -> (StatusCode, Value) {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_id", &web.org.client_id),
        ("client_secret", &web.org.client_secret),
        ("redirect_uri", CALLBACK),
        ("code_verifier", verifier),
    ];
    web.oauth("token", &form).await
}

pub(crate) async fn refresh(web: &Web, token: &str) -> (StatusCode, Value) {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", &web.org.client_id),
        ("client_secret", &web.org.client_secret),
    ];
    web.oauth("token", &form).await
}

/// Status of a data call with this token.
pub(crate) async fn works(web: &Web, token: &str) -> StatusCode {
    let url = web.url("/services/data/v66.0/limits/");
    web.http.get(url).header("authorization", format!("OAuth {token}")).send().await.expect("the org answers").status()
}

pub(crate) fn text<'v>(body: &'v Value, name: &str) -> &'v str {
    body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}"))
}

#[tokio::test]
async fn the_web_server_flow_gives_tokens_in_salesforces_shape() {
    let web = Web::start().await;
    let (status, body) = exchange(&web, &code(&web).await, VERIFIER).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert!(body.get("expires_in").is_none(), "Salesforce never says when a session ends");
    assert_eq!(text(&body, "instance_url"), web.org.url);
    assert!(text(&body, "access_token").starts_with(&format!("{}!", &web.org.org_id[..15])));
    assert_eq!(text(&body, "id").split('/').rev().nth(1), Some(web.org.org_id.as_str()));

    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, web.org.client_secret.as_bytes());
    let signed = format!("{}{}", text(&body, "id"), text(&body, "issued_at"));
    let signature = STANDARD.decode(text(&body, "signature")).unwrap();
    aws_lc_rs::hmac::verify(&key, signed.as_bytes(), &signature).expect("the signature is over id and issued_at");

    let token = text(&body, "access_token");
    assert_eq!(works(&web, token).await, StatusCode::OK);
    let identity: Value =
        web.http.get(text(&body, "id")).bearer_auth(token).send().await.unwrap().json().await.unwrap();
    assert_eq!(identity["username"], json!(web.org.org_username));
    assert!(text(&identity["urls"], "query").ends_with("/services/data/v{version}/query/"));
    let info = web.http.get(web.url("/services/oauth2/userinfo")).bearer_auth(token).send().await.unwrap();
    assert_eq!(info.json::<Value>().await.unwrap()["organization_id"], json!(web.org.org_id));
}

#[tokio::test]
async fn a_wrong_or_missing_verifier_gets_no_token_and_a_good_one_still_does() {
    let web = Web::start().await;
    let code = code(&web).await;
    let wrong = "another-verifier-of-sufficient-length-000000000";
    assert_eq!(
        exchange(&web, &code, wrong).await,
        (StatusCode::BAD_REQUEST, refusal("invalid_request", "invalid code verifier"))
    );
    assert_eq!(
        exchange(&web, &code, "").await,
        (StatusCode::BAD_REQUEST, refusal("invalid_grant", "code verifier required"))
    );
    assert_eq!(exchange(&web, &code, VERIFIER).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_code_works_once_and_its_reuse_revokes_what_it_gave() {
    let web = Web::start().await;
    let code = code(&web).await;
    let (_, first) = exchange(&web, &code, VERIFIER).await;
    let again = exchange(&web, &code, VERIFIER).await;
    assert_eq!(again, (StatusCode::BAD_REQUEST, refusal("invalid_grant", "expired authorization code")));
    assert_eq!(works(&web, text(&first, "access_token")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&web, text(&first, "refresh_token")).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_refresh_token_rotates_and_reuse_of_a_spent_one_revokes_the_family() {
    let web = Web::start().await;
    let (_, first) = exchange(&web, &code(&web).await, VERIFIER).await;
    let (_, other_family) = exchange(&web, &code(&web).await, VERIFIER).await;
    let (status, second) = refresh(&web, text(&first, "refresh_token")).await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(works(&web, text(&second, "access_token")).await, StatusCode::OK);

    let expired = (StatusCode::BAD_REQUEST, refusal("invalid_grant", "expired access/refresh token"));
    assert_eq!(refresh(&web, text(&first, "refresh_token")).await, expired);
    assert_eq!(refresh(&web, text(&second, "refresh_token")).await, expired);
    for tokens in [&first, &second] {
        assert_eq!(works(&web, text(tokens, "access_token")).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(works(&web, text(&other_family, "access_token")).await, StatusCode::OK);
}

#[tokio::test]
async fn a_sixth_grant_evicts_the_oldest() {
    let web = Web::start().await;
    let mut grants = Vec::new();
    for _ in 0..6 {
        grants.push(exchange(&web, &code(&web).await, VERIFIER).await.1);
    }
    assert_eq!(refresh(&web, text(&grants[0], "refresh_token")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(works(&web, text(&grants[0], "access_token")).await, StatusCode::UNAUTHORIZED);
    for kept in &grants[1..] {
        assert_eq!(refresh(&web, text(kept, "refresh_token")).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_page_shows_what_is_asked_and_lets_nobody_in_without_the_password() {
    let web = Web::start().await;
    let query = [
        ("response_type", "code"),
        ("client_id", &web.org.client_id),
        ("redirect_uri", CALLBACK),
        ("state", "\"><script>alert(1)</script>"),
    ];
    let page = web.http.get(web.url("/services/oauth2/authorize")).query(&query).send().await.unwrap();
    let html = page.text().await.unwrap();
    assert!(html.contains("<strong>Syncline</strong> is asking to access Northwind Traders"), "{html}");
    assert!(!html.contains("<script>"));

    let form =
        [&query[..], &[("username", web.org.org_username.as_str()), ("password", "wrong"), ("decision", "allow")]]
            .concat();
    let page = web.http.post(web.url("/services/oauth2/authorize")).form(&form).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("Please check your username and password."));
}

#[tokio::test]
async fn refusals_go_to_the_callback_only_if_it_can_be_trusted() {
    let web = Web::start().await;
    let denied = allow(&web, &[("decision", "deny")]).await;
    assert_eq!(denied[0], ("error".to_owned(), "access_denied".to_owned()));
    assert_eq!(denied[1].1, "end-user denied authorization");
    assert_eq!(denied[2], ("state".to_owned(), "s &1".to_owned()));
    let wrong_type = allow(&web, &[("response_type", "token")]).await;
    assert_eq!(wrong_type[0].1, "unsupported_response_type");

    for (client_id, redirect_uri, error) in [
        (web.org.client_id.as_str(), "https://evil.example/callback", "redirect_uri_mismatch"),
        ("nobody", CALLBACK, "invalid_client_id"),
    ] {
        let query = [("response_type", "code"), ("client_id", client_id), ("redirect_uri", redirect_uri)];
        let page = web.http.get(web.url("/services/oauth2/authorize")).query(&query).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::BAD_REQUEST);
        assert!(page.text().await.unwrap().contains(&format!("error={error}")));
    }
}

#[tokio::test]
async fn clients_and_passwords_get_sessions_too() {
    let web = Web::start().await;
    let (id, secret) = (web.org.client_id.as_str(), web.org.client_secret.as_str());
    let url = web.url("/services/oauth2/token");
    let grant = [("grant_type", "client_credentials")];
    let basic = web.http.post(&url).basic_auth(id, Some(secret)).form(&grant).send().await.unwrap();
    let basic: Value = basic.json().await.unwrap();
    let (_, body) =
        web.oauth("token", &[("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)]).await;
    assert_eq!(body["access_token"], basic["access_token"], "a live session is given again");
    assert!(body.get("refresh_token").is_none());

    let password = |password: &'static str| {
        let form = [
            ("grant_type", "password"),
            ("client_id", id),
            ("client_secret", secret),
            ("username", "ADMIN@northwind.example"),
            ("password", password),
        ];
        let web = &web;
        async move { web.oauth("token", &form).await }
    };
    assert_eq!(password("northwind-demo-1").await.0, StatusCode::OK);
    assert_eq!(password("wrong").await, (StatusCode::BAD_REQUEST, refusal("invalid_grant", "authentication failure")));

    for (form, expected) in [
        (vec![("grant_type", "magic")], refusal("unsupported_grant_type", "grant type not supported")),
        (
            vec![("grant_type", "client_credentials"), ("client_id", "x")],
            refusal("invalid_client_id", "client identifier invalid"),
        ),
        (
            vec![("grant_type", "client_credentials"), ("client_id", id)],
            refusal("invalid_client", "invalid client credentials"),
        ),
    ] {
        assert_eq!(web.oauth("token", &form).await, (StatusCode::BAD_REQUEST, expected));
    }
}

#[tokio::test]
async fn revoking_ends_the_session_and_introspection_tells() {
    let web = Web::start().await;
    let (_, tokens) = exchange(&web, &code(&web).await, VERIFIER).await;
    let token = text(&tokens, "access_token");
    let credentials = [("client_id", web.org.client_id.as_str()), ("client_secret", web.org.client_secret.as_str())];
    let ask = [&credentials[..], &[("token", token)]].concat();
    let (_, told) = web.oauth("introspect", &ask).await;
    assert_eq!(told["active"], json!(true));
    assert!(told["exp"].as_i64().unwrap() > told["iat"].as_i64().unwrap());

    assert_eq!(web.oauth("revoke", &[("token", text(&tokens, "refresh_token"))]).await.0, StatusCode::OK);
    assert_eq!(works(&web, token).await, StatusCode::UNAUTHORIZED);
    assert_eq!(web.oauth("introspect", &ask).await.1, json!({ "active": false }));
    assert_eq!(
        web.oauth("revoke", &[("token", "5Aep")]).await,
        (StatusCode::BAD_REQUEST, refusal("invalid_token", "invalid token"))
    );
    let info = web.http.get(web.url("/services/oauth2/userinfo")).bearer_auth(token).send().await.unwrap();
    assert_eq!((info.status(), info.text().await.unwrap()), (StatusCode::FORBIDDEN, "Bad_OAuth_Token".to_owned()));
}

#[tokio::test]
async fn soap_sign_in_has_its_elements_in_salesforces_order() {
    let web = Web::start().await;
    let sign_in = |password: &str| {
        let body = format!(
            "<?xml version=\"1.0\"?><se:Envelope xmlns:se=\"http://schemas.xmlsoap.org/soap/envelope/\"><se:Body>\
             <login xmlns=\"urn:partner.soap.sforce.com\"><username>{}</username><password>{password}</password></login></se:Body></se:Envelope>",
            web.org.org_username
        );
        let request = web.http.post(web.url("/services/Soap/u/59.0")).header("content-type", "text/xml").body(body);
        async { request.send().await.unwrap() }
    };
    let answer = sign_in(&web.org.org_password).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let xml = answer.text().await.unwrap();
    let result = &xml[xml.find("<result>").unwrap() + 8..];
    let names: Vec<&str> =
        result.split('<').filter_map(|tag| tag.split(['>', ' ']).next()).filter(|tag| !tag.starts_with('/')).collect();
    assert_eq!(names[4], "serverUrl");
    assert_eq!(names[5], "sessionId");
    assert_eq!(names[7], "userInfo");
    assert_eq!(names[7 + 1 + 8], "organizationId");
    let session = result.split("<sessionId>").nth(1).unwrap().split('<').next().unwrap();
    assert_eq!(works(&web, session).await, StatusCode::OK);

    let fault = sign_in("wrong").await;
    assert_eq!(fault.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(fault.text().await.unwrap().contains("<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>"));
}

#[tokio::test]
async fn the_data_api_wants_a_live_session() {
    let web = Web::start().await;
    let refused = json!([{ "message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID" }]);
    for token in ["", "00D!x"] {
        let answer = web.http.get(web.url("/services/data/v66.0/limits")).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answer.json::<Value>().await.unwrap(), refused);
    }
    web.http.delete(web.url("/__control/sessions")).send().await.unwrap();
    assert_eq!(web.call(Method::GET, "/limits", None).await.status(), StatusCode::UNAUTHORIZED);
}
