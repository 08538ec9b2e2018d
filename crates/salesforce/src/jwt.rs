//! Signed assertions of the JWT bearer flow (RFC 7523; Salesforce Help, "OAuth 2.0 JWT Bearer Flow").

use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use syncline_model::connector::ConnectorError;

use crate::http::misconfigured;

/// Salesforce wants an assertion to end within five minutes of its own clock, and its samples use three.
const LIFE_SECONDS: i64 = 180;

/// Says that the app `client_id` acts as `username`, to the login host `audience`.
pub(crate) fn assertion(
    client_id: &str,
    username: &str,
    audience: &str,
    private_key: &str,
    now: Timestamp,
) -> Result<String, ConnectorError> {
    let key = key_of(private_key)?;
    let claims = json!({ "iss": client_id, "sub": username, "aud": audience, "exp": now.as_second() + LIFE_SECONDS });
    let part = |part: &Json| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "RS256" })), part(&claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| misconfigured("the assertion could not be signed with the private key"))?;
    Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

/// The key of a PEM text. What is wrong with it is said without quoting it.
fn key_of(pem: &str) -> Result<KeyPair, ConnectorError> {
    let (label, der) = first_block(pem).ok_or_else(|| {
        misconfigured("the private key is no PEM text: it must begin with -----BEGIN PRIVATE KEY-----")
    })?;
    let key = match label {
        "PRIVATE KEY" => KeyPair::from_pkcs8(&der),
        "RSA PRIVATE KEY" => KeyPair::from_der(&der),
        "ENCRYPTED PRIVATE KEY" => {
            return Err(misconfigured(
                "the private key is locked with a pass phrase; give it without one (openssl pkey -in FILE -out OTHER)",
            ));
        }
        other => {
            return Err(misconfigured(format!(
                "the file holds a {} and not the private key that belongs to the app's certificate",
                other.to_lowercase()
            )));
        }
    };
    key.map_err(|_| misconfigured("the private key is no RSA key of 2,048 to 8,192 bits, or is damaged"))
}

/// Label and content of the first PEM block.
fn first_block(text: &str) -> Option<(&str, Vec<u8>)> {
    let (label, rest) = text.split_once("-----BEGIN ")?.1.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let is_locked = body.contains("Proc-Type: 4,ENCRYPTED");
    let body: String = body.split_whitespace().collect();
    // The older form of a locked key has its label like any other, and lines before the content that are no Base64.
    if is_locked {
        Some(("ENCRYPTED PRIVATE KEY", Vec::new()))
    } else {
        Some((label, BASE64_STANDARD.decode(body).ok()?))
    }
}
