//! Who is behind a token: identity, userinfo, introspection, id tokens, and SOAP.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::access::with_a_standard_user;
use crate::oauth::{allow, code, exchange, refusal, text, works};
use crate::web::{CALLBACK, CHALLENGE, VERIFIER, Web, read};

#[tokio::test]
async fn the_identity_url_says_what_is_wrong_with_a_token_or_an_id() {
    let (web, user, users_token) = with_a_standard_user().await;
    let org_id = web.org.org_id.clone();
    let admin = web.org.handle().lock().admin_user_id().to_owned();
    let ask = |path: String| {
        let web = &web;
        async move {
            let answer = web.http.get(web.url(&path)).send().await.unwrap();
            (answer.status(), answer.text().await.unwrap())
        }
    };
    let token = &web.token;
    let word = |status, word: &str| (status, word.to_owned());
    assert_eq!(ask(format!("/id/{org_id}/{admin}")).await, word(StatusCode::FORBIDDEN, "Missing_OAuth_Token"));
    for (path, expected) in [
        (format!("/id/{org_id}/{admin}?oauth_token=00D!x"), word(StatusCode::FORBIDDEN, "Bad_OAuth_Token")),
        (format!("/id/00D000000000001EAA/{admin}?oauth_token={token}"), word(StatusCode::FORBIDDEN, "Wrong_Org")),
        (format!("/id/{org_id}/{org_id}?oauth_token={token}"), word(StatusCode::NOT_FOUND, "Bad_Id")),
        (format!("/id/{org_id}/x?oauth_token={token}"), word(StatusCode::NOT_FOUND, "Bad_Id")),
        (format!("/id/{org_id}/{admin}?oauth_token={users_token}"), word(StatusCode::NOT_FOUND, "No_Access")),
    ] {
        assert_eq!(ask(path.clone()).await, expected, "{path}");
    }
    let pacific = json!({ "TimeZoneSidKey": "America/Los_Angeles" });
    web.send(Method::PATCH, &format!("/sobjects/User/{user}"), pacific).await;
    let (status, body) = ask(format!("/id/{org_id}/{user}?access_token={token}&format=json&version=latest")).await;
    assert_eq!(status, StatusCode::OK);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["username"], "sam@northwind.example");
    assert!(text(&body["urls"], "query").ends_with("/services/data/v68.0/query/"));
    assert_eq!((&body["user_type"], &body["utcOffset"]), (&json!("STANDARD"), &json!(-28_800_000)));
    let (_, body) = ask(format!("/id/{org_id}/{admin}?oauth_token={token}")).await;
    let body: Value = serde_json::from_str(&body).expect("JSON unless asked otherwise");
    assert_eq!((&body["timezone"], &body["utcOffset"]), (&json!("GMT"), &json!(0)));
    assert!(text(&body, "last_modified_date").ends_with('Z'));
    let (_, xml) = ask(format!("/id/{org_id}/{admin}?oauth_token={token}&format=xml")).await;
    assert!(xml.contains(&format!("<user_id>{admin}</user_id>")), "{xml}");
    let (status, word) = ask("/services/oauth2/userinfo".to_owned()).await;
    assert_eq!((status, word.as_str()), (StatusCode::FORBIDDEN, "Missing_OAuth_Token"));
    let (status, _) = ask(format!("/services/oauth2/userinfo?access_token={token}")).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn an_app_is_told_of_its_own_tokens_of_both_kinds() {
    let web = Web::start().await;
    let (_, tokens) = exchange(&web, &code(&web).await, VERIFIER).await;
    let (id, secret) = (web.org.client_id.as_str(), web.org.client_secret.as_str());
    let ask = |token: &str| {
        let form = [("client_id", id.to_owned()), ("client_secret", secret.to_owned()), ("token", token.to_owned())];
        let web = &web;
        async move {
            let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            web.oauth("introspect", &form).await.1
        }
    };
    for (token, kind, life_s) in [("access_token", "access_token", 7200), ("refresh_token", "refresh_token", 2_592_000)]
    {
        let told = ask(text(&tokens, token)).await;
        assert_eq!(told["active"], json!(true), "{told}");
        assert_eq!((text(&told, "token_type"), text(&told, "client_id")), (kind, id));
        assert_eq!((text(&told, "username"), text(&told, "sub")), (web.org.org_username.as_str(), text(&tokens, "id")));
        assert_eq!(text(&told, "scope"), "api refresh_token id");
        assert_eq!(told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap(), life_s);
    }
    assert_eq!(ask(&web.token).await, json!({ "active": false }), "that session is of no app");
    let (status, refused) = web.oauth("introspect", &[("client_id", id), ("token", &web.token)]).await;
    assert_eq!((status, refused), (StatusCode::UNAUTHORIZED, refusal("invalid_client", "invalid client credentials")));
}

#[tokio::test]
async fn an_id_token_can_be_checked_with_the_published_key() {
    let web = Web::start().await;
    let parameters = allow(&web, &[("scope", "openid api"), ("nonce", "n1")]).await;
    let (_, tokens) = exchange(&web, &parameters[0].1, VERIFIER).await;
    let (signed, signature) = text(&tokens, "id_token").rsplit_once('.').unwrap();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let claims: Value = serde_json::from_slice(&decode(signed.split('.').nth(1).unwrap())).unwrap();
    assert_eq!((text(&claims, "iss"), text(&claims, "sub")), (web.org.url.as_str(), text(&tokens, "id")));
    assert_eq!((text(&claims, "aud"), text(&claims, "nonce")), (web.org.client_id.as_str(), "n1"));

    let get = |url: String| async { read(web.http.get(url).send().await.unwrap()).await.1 };
    let configuration = get(web.url("/.well-known/openid-configuration")).await;
    assert_eq!(text(&configuration, "issuer"), web.org.url);
    let keys = get(text(&configuration, "jwks_uri").to_owned()).await;
    let key = &keys["keys"][0];
    let key = PublicKeyComponents { n: decode(text(key, "n")), e: decode(text(key, "e")) };
    key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &decode(signature)).expect("the signature is right");

    let (_, plain) = exchange(&web, &code(&web).await, VERIFIER).await;
    assert!(plain.get("id_token").is_none(), "nobody asked for one");
}

#[tokio::test]
async fn immediate_lets_in_only_those_who_are_signed_in_and_allowed_it_before() {
    let web = Web::start().await;
    let query = [
        ("response_type", "code"),
        ("client_id", web.org.client_id.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("immediate", "true"),
    ];
    let ask = || async {
        let answer = web.http.get(web.url("/services/oauth2/authorize")).query(&query).send().await.unwrap();
        answer.headers()["location"].to_str().unwrap().to_owned()
    };
    let unsuccessful = format!("{CALLBACK}?error=immediate_unsuccessful");
    assert_eq!(ask().await, unsuccessful);
    let form = [("username", web.org.org_username.as_str()), ("password", web.org.org_password.as_str())];
    web.http.post(web.url("/login")).form(&form).send().await.unwrap();
    assert_eq!(ask().await, unsuccessful, "signed in, but never asked");
    exchange(&web, &code(&web).await, VERIFIER).await;
    assert!(ask().await.starts_with(&format!("{CALLBACK}?code=")));
}

#[tokio::test]
async fn flows_that_are_not_offered_are_refused_in_their_own_words() {
    let web = Web::start().await;
    for form in [
        vec![("grant_type", "device"), ("client_id", "x")],
        vec![("response_type", "device_code"), ("client_id", "x")],
        vec![],
    ] {
        let refused = (StatusCode::BAD_REQUEST, refusal("unsupported_grant_type", "grant type not supported"));
        assert_eq!(web.oauth("token", &form).await, refused);
    }
    let get = read(web.http.get(web.url("/services/oauth2/token")).send().await.unwrap()).await;
    assert_eq!(get, (StatusCode::BAD_REQUEST, refusal("invalid_request", "must use HTTP POST")));
    let unknown = exchange(&web, "aPrxunknown", VERIFIER).await;
    assert_eq!(unknown, (StatusCode::BAD_REQUEST, refusal("invalid_grant", "invalid authorization code")));
}

#[tokio::test]
async fn tokens_are_revoked_by_get_too() {
    let web = Web::start().await;
    let (_, tokens) = exchange(&web, &code(&web).await, VERIFIER).await;
    let token = text(&tokens, "access_token");
    let revoke = || web.http.get(web.url("/services/oauth2/revoke")).query(&[("token", token)]).send();
    assert_eq!(revoke().await.unwrap().status(), StatusCode::OK);
    assert_eq!(works(&web, token).await, StatusCode::UNAUTHORIZED);
    assert_eq!(revoke().await.unwrap().status(), StatusCode::BAD_REQUEST);
    let (status, _) = crate::oauth::refresh(&web, text(&tokens, "refresh_token")).await;
    assert_eq!(status, StatusCode::OK, "the grant outlives its session");
}

/// What SOAP says to an operation, with a session in the header where there is one.
async fn soap(web: &Web, path: &str, session: &str, operation: &str) -> (StatusCode, String) {
    let header = match session {
        "" => String::new(),
        session => format!("<e:Header><SessionHeader><sessionId>{session}</sessionId></SessionHeader></e:Header>"),
    };
    let body = format!(
        "<?xml version=\"1.0\"?><e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\">{header}<e:Body>{operation}</e:Body></e:Envelope>"
    );
    let url = web.url(&format!("/services/Soap/{path}"));
    let answer =
        web.http.post(url).header("content-type", "text/xml").body(body).send().await.expect("the org answers");
    (answer.status(), answer.text().await.expect("a body"))
}

#[tokio::test]
async fn soap_signs_in_and_out_in_both_flavours_up_to_version_64() {
    let web = Web::start().await;
    let login = format!(
        "<login><username>{}</username><password>{}</password></login>",
        web.org.org_username, web.org.org_password
    );
    for path in ["u/60.0", "c/31.0", "u/64.0", "u/50.0/00D000000000001"] {
        let (status, xml) = soap(&web, path, "", &login).await;
        assert_eq!(status, StatusCode::OK, "{path}: {xml}");
        let session = xml.split("<sessionId>").nth(1).unwrap().split('<').next().unwrap();
        assert_eq!(works(&web, session).await, StatusCode::OK);
        let (_, info) = soap(&web, path, session, "<getUserInfo/>").await;
        assert!(info.contains(&format!("<userName>{}</userName>", web.org.org_username)), "{info}");
        let (status, gone) = soap(&web, path, session, "<logout/>").await;
        assert!(status == StatusCode::OK && gone.contains("<logoutResponse/>"), "{gone}");
        assert_eq!(works(&web, session).await, StatusCode::UNAUTHORIZED);
        let (status, fault) = soap(&web, path, session, "<logout/>").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(fault.contains("<sf:exceptionCode>INVALID_SESSION_ID</sf:exceptionCode>"), "{fault}");
    }
    for (path, code) in
        [("u/65.0", "INVALID_OPERATION"), ("u/30.0", "UNSUPPORTED_API_VERSION"), ("u/x", "UNSUPPORTED_API_VERSION")]
    {
        let (status, fault) = soap(&web, path, "", &login).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(fault.contains(&format!("<faultcode>sf:{code}</faultcode>")), "{fault}");
    }
    let (_, fault) = soap(&web, "u/60.0", &web.token, "<describeGlobal/>").await;
    assert!(
        fault.contains("No operation available for request {urn:partner.soap.sforce.com}describeGlobal"),
        "{fault}"
    );
    assert!(soap(&web, "u/65.0", &web.token, "<getServerTimestamp/>").await.1.contains("<timestamp>20"));
}
