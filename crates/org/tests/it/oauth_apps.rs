//! Apps: what each may ask for, who may let it in, JWT bearer, and the control interface that registers them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, PKCS_RSA_SHA256, RsaKeySize};
use reqwest::StatusCode;
use serde_json::{Value, json};
use syncline_org::core::oauth::{Client, RsaKey};
use syncline_org::{OrgOptions, start};

use crate::access::with_a_standard_user;
use crate::oauth::{allow, code, exchange, refresh, refusal, text, works};
use crate::web::{CALLBACK, CHALLENGE, VERIFIER, Web, client, read};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Somebody who can sign, with the certificate that says so.
struct Signer {
    key: KeyPair,
    certificate: String,
    public_key: String,
}

impl Signer {
    fn new() -> Signer {
        let pair = rcgen::KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
            .expect("keys and certificates are made");
        let certificate = CertificateParams::new(["jwt.example".to_owned()])
            .expect("keys and certificates are made")
            .self_signed(&pair)
            .expect("keys and certificates are made");
        let key = KeyPair::from_pkcs8(&pair.serialize_der()).expect("keys and certificates are made");
        Signer { key, certificate: certificate.pem(), public_key: pair.public_key_pem() }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .expect("keys and certificates are made");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn now_s(web: &Web) -> i64 {
    web.org.handle().now_ms() / 1000
}

/// What a client would say to get in, with some of it said otherwise.
fn claims(web: &Web, other: Value) -> Value {
    let mut claims = json!({
        "iss": web.org.client_id, "sub": web.org.org_username, "aud": "https://login.salesforce.com",
        "exp": now_s(web) + 180,
    });
    for (name, value) in other.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    claims
}

async fn assert_jwt(web: &Web, assertion: &str) -> (StatusCode, Value) {
    web.oauth("token", &[("grant_type", JWT_BEARER), ("assertion", assertion)]).await
}

async fn control(web: &Web, client_id: &str, change: Value) -> (StatusCode, Value) {
    let request = web.http.put(web.url(&format!("/__control/apps/{client_id}"))).json(&change);
    read(request.send().await.expect("the org answers")).await
}

/// The callback's parameters for a request to the authorize page that is refused before anybody is asked.
async fn refused_at_once(web: &Web, query: &[(&str, &str)]) -> Vec<(String, String)> {
    let page = web.http.get(web.url("/services/oauth2/authorize")).query(query).send().await.expect("the org answers");
    assert_eq!(page.status(), StatusCode::SEE_OTHER);
    let location = url::Url::parse(page.headers()["location"].to_str().expect("an address")).expect("a URL");
    location.query_pairs().into_owned().collect()
}

#[tokio::test]
async fn a_signed_assertion_opens_a_session_and_again_the_same() {
    let signer = Signer::new();
    let options = OrgOptions { client_certificate: Some(signer.certificate.clone()), ..OrgOptions::default() };
    let org = start(options).await.unwrap();
    let web = Web { token: org.access_token(), org, http: client() };
    let header = json!({ "alg": "RS256", "typ": "JWT" });
    let own_login = web.org.url.clone();
    let mut tokens = Vec::new();
    for other in [
        json!({}),
        json!({ "aud": "https://test.salesforce.com" }),
        json!({ "aud": own_login }),
        json!({ "aud": [format!("{own_login}/")], "sub": "ADMIN@northwind.example" }),
        // As the official CLI has it.
        json!({ "exp": web.org.handle().now_ms() + 300 }),
    ] {
        let (status, body) = assert_jwt(&web, &signer.sign(&header, &claims(&web, other))).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert!(body.get("refresh_token").is_none());
        assert_eq!(text(&body, "instance_url"), web.org.url);
        tokens.push(text(&body, "access_token").to_owned());
    }
    tokens.dedup();
    assert_eq!(tokens.len(), 1, "a live session is given again");
    assert_eq!(works(&web, &tokens[0]).await, StatusCode::OK);

    web.oauth("revoke", &[("token", &tokens[0])]).await;
    let (_, body) = assert_jwt(&web, &signer.sign(&header, &claims(&web, json!({})))).await;
    assert_ne!(text(&body, "access_token"), tokens[0], "an ended session is not");
}

#[tokio::test]
async fn an_assertion_that_is_wrong_is_told_what_is_wrong() {
    let web = Web::start().await;
    let (signer, other) = (Signer::new(), Signer::new());
    let header = json!({ "alg": "RS256" });
    let good = signer.sign(&header, &claims(&web, json!({})));
    let invalid = || refusal("invalid_grant", "invalid assertion");
    assert_eq!(assert_jwt(&web, &good).await.1, invalid(), "no certificate is registered");

    let (status, _) = control(&web, &web.org.client_id, json!({ "certificate": signer.public_key })).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(assert_jwt(&web, &good).await.0, StatusCode::OK, "a bare public key will do");
    let sign = |other: Value| signer.sign(&header, &claims(&web, other));
    for (assertion, expected) in [
        (other.sign(&header, &claims(&web, json!({}))), invalid()),
        (signer.sign(&json!({ "alg": "none" }), &claims(&web, json!({}))), invalid()),
        (signer.sign(&json!({ "alg": "HS256" }), &claims(&web, json!({}))), invalid()),
        (format!("{good}x"), invalid()),
        ("no.jwt".to_owned(), invalid()),
        (String::new(), invalid()),
        (sign(json!({ "exp": now_s(&web) + 400 })), invalid()),
        (sign(json!({ "exp": now_s(&web) - 1 })), refusal("invalid_grant", "expired authorization code")),
        (sign(json!({ "aud": "https://evil.example" })), refusal("invalid_grant", "audience is invalid")),
        (sign(json!({ "iss": "nobody" })), refusal("invalid_client_id", "client identifier invalid")),
        (sign(json!({ "sub": "nobody@x.example" })), refusal("invalid_grant", "user hasn't approved this consumer")),
    ] {
        assert_eq!(assert_jwt(&web, &assertion).await, (StatusCode::BAD_REQUEST, expected));
    }
}

#[tokio::test]
async fn without_an_administrators_approval_a_jwt_needs_the_users_own() {
    let web = Web::start().await;
    let signer = Signer::new();
    let change = json!({ "certificate": signer.certificate, "pre_authorized": false });
    let (status, told) = control(&web, &web.org.client_id, change).await;
    assert_eq!((status, &told["has_certificate"]), (StatusCode::OK, &json!(true)));
    let assertion = signer.sign(&json!({ "alg": "RS256" }), &claims(&web, json!({})));
    let not_yet = (StatusCode::BAD_REQUEST, refusal("invalid_grant", "user hasn't approved this consumer"));
    assert_eq!(assert_jwt(&web, &assertion).await, not_yet);

    let parameters = allow(&web, &[("scope", "web api refresh_token")]).await;
    assert_eq!(exchange(&web, &parameters[0].1, VERIFIER).await.0, StatusCode::OK);
    let (status, body) = assert_jwt(&web, &assertion).await;
    assert_eq!((status, text(&body, "scope")), (StatusCode::OK, "api web"));

    let url = web.url("/__control/grants");
    let query = [("user", web.org.org_username.as_str()), ("client_id", web.org.client_id.as_str())];
    let (_, revoked) = read(web.http.delete(url).query(&query).send().await.unwrap()).await;
    assert_eq!(revoked, json!({ "revoked": 1 }));
    assert_eq!(assert_jwt(&web, &assertion).await, not_yet);
}

#[tokio::test]
async fn an_app_that_is_not_installed_is_for_those_who_may_approve_it() {
    let (web, user, _) = with_a_standard_user().await;
    web.org.handle().lock().set_password(&user, "sand-castle-1");
    let (status, told) = control(&web, &web.org.client_id, json!({ "installed": false })).await;
    assert_eq!((status, &told["installed"]), (StatusCode::OK, &json!(false)));

    let tokens = exchange(&web, &code(&web).await, VERIFIER).await.1;
    assert_eq!(works(&web, text(&tokens, "access_token")).await, StatusCode::OK, "the administrator may");

    let form = [
        ("response_type", "code"),
        ("client_id", web.org.client_id.as_str()),
        ("redirect_uri", CALLBACK),
        ("username", "sam@northwind.example"),
        ("password", "sand-castle-1"),
        ("decision", "allow"),
    ];
    let answer = web.http.post(web.url("/services/oauth2/authorize")).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let location = answer.headers()["location"].to_str().unwrap();
    assert_eq!(
        location,
        "/setup/secur/RemoteAccessErrorPage.apexp?error=invalid_client&error_description=app+must+be+installed+into+org"
    );
    let page = web.http.get(web.url(location)).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("error_description=app must be installed into org"));

    let password = [
        ("grant_type", "password"),
        ("client_id", web.org.client_id.as_str()),
        ("client_secret", web.org.client_secret.as_str()),
        ("username", "sam@northwind.example"),
        ("password", "sand-castle-1"),
    ];
    let not_installed = refusal("invalid_client", "app must be installed into org");
    assert_eq!(web.oauth("token", &password).await, (StatusCode::BAD_REQUEST, not_installed));
    control(&web, &web.org.client_id, json!({ "installed": true })).await;
    assert_eq!(web.oauth("token", &password).await.0, StatusCode::OK);
}

#[tokio::test]
async fn pkce_is_sha256_or_nothing_and_may_be_demanded() {
    let web = Web::start().await;
    let asked = |more: &'static [(&'static str, &'static str)]| {
        let mut query =
            vec![("response_type", "code"), ("client_id", web.org.client_id.as_str()), ("redirect_uri", CALLBACK)];
        query.extend(more);
        query
    };
    for (more, words) in [
        (
            &[("code_challenge", CHALLENGE), ("code_challenge_method", "plain")][..],
            "code_challenge_method must be S256",
        ),
        (&[("code_challenge", "too-short"), ("code_challenge_method", "S256")][..], "invalid code challenge"),
    ] {
        let parameters = refused_at_once(&web, &asked(more)).await;
        assert_eq!(parameters[0], ("error".to_owned(), "invalid_request".to_owned()));
        assert_eq!(parameters[1].1, words);
    }
    let query = asked(&[]);
    let page = web.http.get(web.url("/services/oauth2/authorize")).query(&query).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK, "this app may do without");
    control(&web, &web.org.client_id, json!({ "requires_pkce": true })).await;
    assert_eq!(refused_at_once(&web, &query).await[1].1, "missing required code challenge");

    // A verifier that is too short is none, whatever its hash.
    let short = "short-verifier";
    let challenge = syncline_org::core::oauth::s256(short);
    let parameters = allow(&web, &[("code_challenge", &challenge)]).await;
    let refused = exchange(&web, &parameters[0].1, short).await;
    assert_eq!(refused, (StatusCode::BAD_REQUEST, refusal("invalid_request", "invalid code verifier")));
}

#[tokio::test]
async fn an_app_gets_the_scopes_that_it_may_have_and_no_refresh_token_unasked() {
    let web = Web::start().await;
    control(&web, &web.org.client_id, json!({ "scopes": ["full", "refresh_token"] })).await;
    for (scope, granted) in [("api", "api"), ("full web", "full web"), ("", "full refresh_token")] {
        let parameters = allow(&web, &[("scope", scope)]).await;
        let (_, tokens) = exchange(&web, &parameters[0].1, VERIFIER).await;
        assert_eq!(text(&tokens, "scope"), granted);
        assert_eq!(tokens.get("refresh_token").is_some(), granted.contains("refresh_token"), "{tokens}");
    }
    let parameters = allow(&web, &[("scope", "id")]).await;
    let (_, tokens) = exchange(&web, &parameters[0].1, VERIFIER).await;
    let url = web.url("/services/data/v66.0/limits");
    let answer = read(web.http.get(url).bearer_auth(text(&tokens, "access_token")).send().await.unwrap()).await;
    let words = "This session is not valid for use with the REST API";
    assert_eq!(answer, (StatusCode::UNAUTHORIZED, json!([{ "message": words, "errorCode": "INVALID_SESSION_ID" }])));

    control(&web, &web.org.client_id, json!({ "scopes": ["api"] })).await;
    for scope in ["full", "refresh_token", "api nonsense"] {
        let query = [
            ("response_type", "code"),
            ("client_id", web.org.client_id.as_str()),
            ("redirect_uri", CALLBACK),
            ("scope", scope),
        ];
        assert_eq!(refused_at_once(&web, &query).await[0].1, "invalid_scope", "{scope}");
    }
}

#[tokio::test]
async fn a_registered_app_is_believed_by_its_secret_and_acts_as_its_user() {
    let (web, _, _) = with_a_standard_user().await;
    let (_, told) = control(&web, "my.app", json!({ "name": "Mine", "callback_urls": [CALLBACK] })).await;
    let secret = text(&told, "secret").to_owned();
    let ask = |secret: &str| {
        let form = [("grant_type", "client_credentials")];
        web.http.post(web.url("/services/oauth2/token")).basic_auth("my.app", Some(secret)).form(&form).send()
    };
    let no_user = refusal("invalid_app_access", "user is not admin approved to access this app");
    assert_eq!(read(ask(&secret).await.unwrap()).await, (StatusCode::BAD_REQUEST, no_user));
    control(&web, "my.app", json!({ "run_as": "sam@northwind.example" })).await;
    let (status, tokens) = read(ask(&secret).await.unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    let identity = web.http.get(text(&tokens, "id")).bearer_auth(text(&tokens, "access_token")).send().await.unwrap();
    assert_eq!(identity.json::<Value>().await.unwrap()["username"], "sam@northwind.example");
    let wrong = refusal("invalid_client", "invalid client credentials");
    assert_eq!(read(ask("wrong").await.unwrap()).await.1, wrong);
    assert_eq!(read(ask("").await.unwrap()).await.1, wrong);

    // Nothing by halves: an unknown user or a certificate that is none changes nothing.
    for change in [json!({ "name": "X", "run_as": "nobody" }), json!({ "name": "X", "certificate": "none" })] {
        let answer = web.http.put(web.url("/__control/apps/my.app")).json(&change).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
    let (_, apps) = read(web.http.get(web.url("/__control/apps")).send().await.unwrap()).await;
    let mine = apps.as_array().unwrap().iter().find(|app| app["client_id"] == "my.app").unwrap();
    assert_eq!((&mine["name"], &mine["run_as"]), (&json!("Mine"), &json!("sam@northwind.example")));
}

#[tokio::test]
async fn an_apps_own_signature_stands_for_its_secret() {
    let web = Web::start().await;
    let signer = Signer::new();
    control(&web, &web.org.client_id, json!({ "certificate": signer.certificate })).await;
    let ask = |other: Value| {
        let assertion = signer.sign(&json!({ "alg": "RS256" }), &claims(&web, other));
        let web = &web;
        async move {
            let form = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", assertion.as_str()),
            ];
            web.oauth("token", &form).await
        }
    };
    let endpoint = web.url("/services/oauth2/token");
    let (status, tokens) = ask(json!({ "sub": web.org.client_id, "aud": endpoint })).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    assert_eq!(works(&web, text(&tokens, "access_token")).await, StatusCode::OK);
    let wrong = (StatusCode::BAD_REQUEST, refusal("invalid_client", "invalid client credentials"));
    assert_eq!(ask(json!({})).await, wrong, "what lets a user in does not stand for the app");
    assert_eq!(ask(json!({ "sub": web.org.client_id, "aud": "https://evil.example" })).await, wrong);
}

#[tokio::test]
async fn a_public_app_needs_no_secret_but_a_wrong_one_helps_nobody() {
    let web = Web::start().await;
    let callback = "http://localhost:1717/OauthRedirect";
    let parameters = {
        let form = [
            ("response_type", "code"),
            ("client_id", "PlatformCLI"),
            ("redirect_uri", callback),
            ("scope", "refresh_token api web"),
            ("code_challenge", CHALLENGE),
            ("username", web.org.org_username.as_str()),
            ("password", web.org.org_password.as_str()),
            ("decision", "allow"),
        ];
        let answer = web.http.post(web.url("/services/oauth2/authorize")).form(&form).send().await.unwrap();
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        url::Url::parse(&location).unwrap().query_pairs().into_owned().collect::<Vec<_>>()
    };
    let trade = |secret: &'static [(&'static str, &'static str)]| {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", parameters[0].1.as_str()),
            ("client_id", "PlatformCLI"),
            ("redirect_uri", callback),
            ("code_verifier", VERIFIER),
        ];
        form.extend(secret);
        let web = &web;
        async move { web.oauth("token", &form).await }
    };
    assert_eq!(trade(&[("client_secret", "guess")]).await.1["error"], "invalid_client");
    let (status, tokens) = trade(&[]).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "PlatformCLI"),
        ("refresh_token", text(&tokens, "refresh_token")),
    ];
    let (status, again) = web.oauth("token", &form).await;
    assert_eq!(status, StatusCode::OK);
    assert!(again.get("refresh_token").is_none(), "without rotation the token stays");
    let (_, refused) = web.oauth("token", &[("grant_type", "client_credentials"), ("client_id", "PlatformCLI")]).await;
    assert_eq!(refused["error"], "invalid_app_access");
}

#[tokio::test]
async fn sessions_and_refresh_tokens_live_as_long_as_they_are_told_to() {
    let web = Web::start().await;
    let (_, tokens) = exchange(&web, &code(&web).await, VERIFIER).await;
    let url = web.url("/__control/lifetimes");
    let (_, lives) = read(web.http.get(&url).send().await.unwrap()).await;
    assert_eq!(lives, json!({ "session_idle_ms": 7_200_000, "refresh_idle_ms": 2_592_000_000_i64 }));
    web.http.put(&url).json(&json!({ "session_idle_ms": 0 })).send().await.unwrap();
    let (_, short) = refresh(&web, text(&tokens, "refresh_token")).await;
    assert_eq!(works(&web, text(&short, "access_token")).await, StatusCode::UNAUTHORIZED);
    web.http.put(&url).json(&json!({ "session_idle_ms": 60_000 })).send().await.unwrap();
    let (_, longer) = refresh(&web, text(&short, "refresh_token")).await;
    assert_eq!(works(&web, text(&longer, "access_token")).await, StatusCode::OK);

    let ended = [("client_id", web.org.client_id.as_str()), ("user", web.org.org_username.as_str())];
    web.http.delete(web.url("/__control/sessions")).query(&ended).send().await.unwrap();
    assert_eq!(works(&web, text(&longer, "access_token")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(works(&web, &web.token).await, StatusCode::OK, "that session is of no app");
    let (status, last) = refresh(&web, text(&longer, "refresh_token")).await;
    assert_eq!(status, StatusCode::OK, "the grant stays");

    web.http.put(&url).json(&json!({ "refresh_idle_ms": 0 })).send().await.unwrap();
    let expired = refusal("invalid_grant", "expired access/refresh token");
    assert_eq!(refresh(&web, text(&last, "refresh_token")).await, (StatusCode::BAD_REQUEST, expired));
}

#[tokio::test]
async fn an_inactive_user_is_out_at_once() {
    let (web, user, token) = with_a_standard_user().await;
    let mut client = Client::new("runs.as", "secret", "Runs as");
    client.run_as_user_id = Some(user.clone());
    web.org.handle().lock().register_client(client);
    assert_eq!(works(&web, &token).await, StatusCode::OK);
    let path = format!("/sobjects/User/{user}");
    let (status, _) = web.send(reqwest::Method::PATCH, &path, json!({ "IsActive": false })).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(works(&web, &token).await, StatusCode::UNAUTHORIZED);
    let form = [("grant_type", "client_credentials"), ("client_id", "runs.as"), ("client_secret", "secret")];
    assert_eq!(web.oauth("token", &form).await.1, refusal("inactive_user", "user is inactive"));
}

#[test]
fn a_key_that_cannot_check_rs256_is_no_key() {
    let signer = Signer::new();
    assert!(RsaKey::from_pem(&format!("Bag Attributes\n{}", signer.certificate)).is_ok());
    let elliptic = rcgen::KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["jwt.example".to_owned()]).unwrap().self_signed(&elliptic).unwrap();
    for pem in [certificate.pem(), elliptic.public_key_pem(), elliptic.serialize_pem(), String::new()] {
        assert!(RsaKey::from_pem(&pem).is_err());
    }
}
