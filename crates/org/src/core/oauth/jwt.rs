//! Signed assertions of the JWT bearer flow, and the RSA keys that they are checked with.

use std::fmt;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

use super::{OAuthError, refused};

/// How far ahead an assertion may end (Salesforce Help: within five minutes; its samples use three).
pub const ASSERTION_LIFE_MS: i64 = 5 * 60 * 1000;
/// The audience of assertions for production orgs.
pub(super) const PRODUCTION_LOGIN: &str = "https://login.salesforce.com";
/// The audience of assertions for sandboxes.
pub(super) const SANDBOX_LOGIN: &str = "https://test.salesforce.com";

const INVALID_ASSERTION: OAuthError = refused("invalid_grant", "invalid assertion");
/// Salesforce has the same words for an assertion whose time is over as for a code.
const EXPIRED_ASSERTION: OAuthError = refused("invalid_grant", "expired authorization code");
const WRONG_AUDIENCE: OAuthError = refused("invalid_grant", "audience is invalid");

/// The official CLI gives `exp` in milliseconds by mistake, and Salesforce lets it in: it reads seconds, thousands of years
/// ahead. From here on a number can be no second of this age.
const MILLISECONDS_FROM: f64 = 1e11;

/// The text is no PEM of an RSA key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no PEM of an X.509 certificate or a public key with an RSA key of 2,048 bits or more")]
pub struct NoRsaKey;

/// A public RSA key, as it stands in certificates.
#[derive(Clone, PartialEq, Eq)]
pub struct RsaKey {
    /// DER of a SubjectPublicKeyInfo, or of a bare RSAPublicKey.
    der: Vec<u8>,
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey").finish_non_exhaustive()
    }
}

impl RsaKey {
    /// Reads the first certificate or public key of a PEM text.
    ///
    /// # Errors
    /// Where there is none, or its key is not an RSA key that assertions can be checked with.
    pub fn from_pem(text: &str) -> Result<RsaKey, NoRsaKey> {
        let (label, der) = first_pem(text).ok_or(NoRsaKey)?;
        let der = match label {
            "CERTIFICATE" | "X509 CERTIFICATE" => key_of_certificate(&der).ok_or(NoRsaKey)?.to_vec(),
            "PUBLIC KEY" | "RSA PUBLIC KEY" => der,
            _ => return Err(NoRsaKey),
        };
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der).parse().map_err(|_| NoRsaKey)?;
        Ok(RsaKey { der })
    }

    fn verifies(&self, message: &str, signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.der);
        key.verify(message.as_bytes(), signature).is_ok()
    }
}

/// Label and content of the first PEM block.
fn first_pem(text: &str) -> Option<(&str, Vec<u8>)> {
    let (label, rest) = text.split_once("-----BEGIN ")?.1.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let body: String = body.split_whitespace().collect();
    Some((label, STANDARD.decode(body).ok()?))
}

/// SubjectPublicKeyInfo of an X.509 certificate (RFC 5280, 4.1): it stands sixth in what is signed, not counting the version.
fn key_of_certificate(der: &[u8]) -> Option<&[u8]> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let (certificate, _) = Tlv::read(der).filter(|(tlv, _)| tlv.tag == SEQUENCE)?;
    let (signed, _) = Tlv::read(certificate.content).filter(|(tlv, _)| tlv.tag == SEQUENCE)?;
    let (first, after_first) = Tlv::read(signed.content)?;
    let mut rest = if first.tag == VERSION { after_first } else { signed.content };
    // Serial number, signature algorithm, issuer, validity, subject.
    for _ in 0..5 {
        rest = Tlv::read(rest)?.1;
    }
    Tlv::read(rest).filter(|(key, _)| key.tag == SEQUENCE).map(|(key, _)| key.whole)
}

/// One value of DER.
struct Tlv<'d> {
    tag: u8,
    content: &'d [u8],
    whole: &'d [u8],
}

impl<'d> Tlv<'d> {
    /// The value that the bytes begin with, and the bytes after it.
    fn read(der: &'d [u8]) -> Option<(Tlv<'d>, &'d [u8])> {
        let (tag, length) = (*der.first()?, *der.get(1)?);
        let (header, length) = match length {
            short @ 0..=0x7f => (2, usize::from(short)),
            // Four bytes of length are more than any certificate has.
            long @ 0x81..=0x84 => {
                let digits = usize::from(long & 0x7f);
                let bytes = der.get(2..2 + digits)?;
                (2 + digits, bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
            }
            _ => return None,
        };
        let end = header.checked_add(length)?;
        let whole = der.get(..end)?;
        Some((Tlv { tag, content: &whole[header..], whole }, &der[end..]))
    }
}

/// Who asks for whom.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    /// Older clients name the user `prn`.
    #[serde(alias = "prn")]
    pub(super) sub: String,
    aud: Value,
    exp: f64,
}

impl Claims {
    pub(super) fn check_time(&self, now_ms: i64) -> Result<(), OAuthError> {
        let ahead_ms = self.exp * 1000.0 - now_ms as f64;
        if ahead_ms <= 0.0 {
            Err(EXPIRED_ASSERTION)
        } else if ahead_ms > ASSERTION_LIFE_MS as f64 && self.exp < MILLISECONDS_FROM {
            Err(INVALID_ASSERTION)
        } else {
            Ok(())
        }
    }

    /// Some clients put the audience in a list, or a slash behind it.
    pub(super) fn check_audience(&self, allowed: &[&str]) -> Result<(), OAuthError> {
        let is_allowed = |aud: &Value| aud.as_str().is_some_and(|aud| allowed.contains(&aud.trim_end_matches('/')));
        let fits = self.aud.as_array().map_or_else(|| is_allowed(&self.aud), |list| list.iter().any(is_allowed));
        if fits { Ok(()) } else { Err(WRONG_AUDIENCE) }
    }
}

/// A JWT taken apart, its signature not yet checked.
#[derive(Debug)]
pub(super) struct Assertion<'t> {
    signed: &'t str,
    signature: Vec<u8>,
    pub(super) claims: Claims,
}

impl<'t> Assertion<'t> {
    pub(super) fn parse(text: &'t str) -> Result<Assertion<'t>, OAuthError> {
        Assertion::take_apart(text).ok_or(INVALID_ASSERTION)
    }

    fn take_apart(text: &'t str) -> Option<Assertion<'t>> {
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok();
        let (signed, signature) = text.trim().rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
        if header.get("alg").and_then(Value::as_str) != Some("RS256") {
            return None;
        }
        let claims = serde_json::from_slice(&decode(claims)?).ok()?;
        Some(Assertion { signed, signature: decode(signature)?, claims })
    }

    /// An app without a key cannot have signed anything.
    pub(super) fn check_signature(&self, key: Option<&RsaKey>) -> Result<(), OAuthError> {
        if key.is_some_and(|key| key.verifies(self.signed, &self.signature)) { Ok(()) } else { Err(INVALID_ASSERTION) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_that_is_sent_panics(text in "\\PC{0,80}", der in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Assertion::parse(&text);
            let _ = RsaKey::from_pem(&text);
            let _ = key_of_certificate(&der);
            let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(&der));
            prop_assert_eq!(RsaKey::from_pem(&pem), Err(NoRsaKey));
        }

        #[test]
        fn a_value_of_der_is_read_to_its_end(length in prop_oneof![0..300_usize, 65_500..65_600_usize], after in any::<u8>()) {
            let content = vec![after; length];
            let mut der = vec![0x30];
            match length {
                0..=0x7f => der.push(length as u8),
                0x80..=0xff => der.extend([0x81, length as u8]),
                0x100..=0xffff => der.extend([0x82, (length >> 8) as u8, length as u8]),
                _ => der.extend([0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8]),
            }
            der.extend(&content);
            der.push(after);
            let (value, rest) = Tlv::read(&der).unwrap();
            prop_assert_eq!(value.content, &content[..]);
            prop_assert_eq!(rest, &[after]);
        }
    }
}
