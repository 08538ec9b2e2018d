//! Sealing of secret columns: AES-256-GCM under a ring of keys, each text bound to the row that it belongs to.
//! Knows no table and no SQL.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    digest, pbkdf2,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretBox, SecretString};

const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 12;
const PASSPHRASE_CHARS_MIN: usize = 16;
/// First byte of every sealed text, so that another format can follow.
const FORMAT: u8 = 1;
/// What OWASP asks of PBKDF2 with HMAC-SHA-256; a tenth of a second, once for each start.
const PASSPHRASE_ROUNDS: std::num::NonZeroU32 = std::num::NonZeroU32::new(600_000).expect("is not zero");
/// Fixed, since the key must come out the same on every node and after a restore from backup. The passphrase is the secret.
const PASSPHRASE_SALT: &[u8] = b"syncline secret key 1";

/// The key that secrets are sealed with, and older ones that can still open what they sealed.
pub struct SecretKey {
    /// The first one seals.
    ring: Vec<SealingKey>,
}

struct SealingKey {
    id: [u8; KEY_ID_BYTES],
    bytes: SecretBox<[u8; KEY_BYTES]>,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({} keys)", self.ring.len())
    }
}

/// Why a text is no key, or a sealed text can not be opened.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SealError {
    /// Too short to be a secret.
    #[error(
        "the secret key is neither 32 bytes in base64 nor a passphrase of at least {PASSPHRASE_CHARS_MIN} characters"
    )]
    WeakKey,
    /// No key of the ring has sealed it.
    #[error("it was sealed with another secret key than the one set now")]
    UnknownKey,
    /// Not a sealed text of this row.
    #[error("a sealed value was damaged or belongs to another row")]
    Damaged,
}

impl SecretKey {
    /// A key from its text: 32 bytes in base64 are taken as they are; any other text of at least 16 characters is a
    /// passphrase, made a key by PBKDF2 (HMAC-SHA-256).
    ///
    /// # Errors
    /// [`SealError::WeakKey`] where it is shorter.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let text = text.trim();
        let given = STANDARD.decode(text).ok().and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes).ok());
        let bytes = match given {
            Some(bytes) => bytes,
            None if text.chars().count() >= PASSPHRASE_CHARS_MIN => {
                let mut bytes = [0; KEY_BYTES];
                let rounds = PASSPHRASE_ROUNDS;
                pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, PASSPHRASE_SALT, text.as_bytes(), &mut bytes);
                bytes
            }
            None => return Err(SealError::WeakKey),
        };
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest::digest(&digest::SHA256, &bytes).as_ref()[..KEY_ID_BYTES]);
        Ok(Self { ring: vec![SealingKey { id, bytes: SecretBox::new(Box::new(bytes)) }] })
    }

    /// The same key, which also opens what `older` sealed: to change the key without losing what is stored.
    #[must_use]
    pub fn with_previous(mut self, older: Self) -> Self {
        self.ring.extend(older.ring);
        self
    }

    /// Seals a secret for one row of a table; it can be opened only for that row.
    pub(crate) fn seal(&self, table: &str, row: &[u8], secret: &SecretString) -> Vec<u8> {
        let key = &self.ring[0];
        let mut sealed = secret.expose_secret().as_bytes().to_vec();
        let nonce = key.cipher().seal_in_place_append_tag(Aad::from(binding(table, row)), &mut sealed);
        let nonce = nonce.expect("AES-256-GCM seals any text that fits in memory");
        [&[FORMAT][..], &key.id, nonce.as_ref(), &sealed].concat()
    }

    /// Opens what was sealed for that row.
    pub(crate) fn open(&self, table: &str, row: &[u8], sealed: &[u8]) -> Result<SecretString, SealError> {
        let rest = sealed.strip_prefix(&[FORMAT]).ok_or(SealError::Damaged)?;
        let (id, rest) = rest.split_first_chunk::<KEY_ID_BYTES>().ok_or(SealError::Damaged)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Damaged)?;
        let key = self.ring.iter().find(|key| key.id == *id).ok_or(SealError::UnknownKey)?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = key.cipher().open_in_place(nonce, Aad::from(binding(table, row)), &mut text);
        let opened = opened.map_err(|_| SealError::Damaged)?;
        let opened = std::str::from_utf8(opened).map_err(|_| SealError::Damaged)?;
        Ok(SecretString::from(opened))
    }
}

impl SealingKey {
    fn cipher(&self) -> RandomizedNonceKey {
        RandomizedNonceKey::new(&AES_256_GCM, self.bytes.expose_secret()).expect("a key of 32 bytes fits AES-256")
    }
}

fn binding(table: &str, row: &[u8]) -> Vec<u8> {
    [table.as_bytes(), &[0], row].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "refresh token";

    fn key(letter: &str) -> SecretKey {
        SecretKey::parse(&STANDARD.encode(letter.repeat(KEY_BYTES))).unwrap()
    }

    #[test]
    fn opens_what_it_sealed_and_nothing_of_another_row() {
        let sealed = key("a").seal("credentials", b"1", &SecretString::from(SECRET));
        assert_eq!(key("a").open("credentials", b"1", &sealed).unwrap().expose_secret(), SECRET);
        assert_eq!(key("a").open("credentials", b"2", &sealed).unwrap_err(), SealError::Damaged);
        assert_eq!(key("a").open("session", b"1", &sealed).unwrap_err(), SealError::Damaged);
        assert!(!sealed.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()));
    }

    #[test]
    fn seals_the_same_text_differently_each_time() {
        let seal = || key("a").seal("credentials", b"1", &SecretString::from(SECRET));
        assert_ne!(seal(), seal());
    }

    #[test]
    fn refuses_any_damage() {
        let sealed = key("a").seal("credentials", b"1", &SecretString::from(SECRET));
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert!(key("a").open("credentials", b"1", &damaged).is_err(), "byte {place}");
            assert!(key("a").open("credentials", b"1", &sealed[..place]).is_err(), "{place} bytes");
        }
    }

    #[test]
    fn a_new_key_opens_old_texts_if_the_old_key_is_in_the_ring() {
        let sealed = key("a").seal("credentials", b"1", &SecretString::from(SECRET));
        assert_eq!(key("b").open("credentials", b"1", &sealed).unwrap_err(), SealError::UnknownKey);
        let ring = key("b").with_previous(key("a"));
        assert_eq!(ring.open("credentials", b"1", &sealed).unwrap().expose_secret(), SECRET);
        let sealed = ring.seal("credentials", b"1", &SecretString::from(SECRET));
        assert!(key("b").open("credentials", b"1", &sealed).is_ok());
    }

    #[test]
    fn takes_a_passphrase_and_refuses_a_short_one() {
        let key = SecretKey::parse("correct horse battery staple").unwrap();
        let sealed = key.seal("credentials", b"1", &SecretString::from(SECRET));
        let again = SecretKey::parse(" correct horse battery staple\n").unwrap();
        assert!(again.open("credentials", b"1", &sealed).is_ok());
        assert_eq!(SecretKey::parse("fifteen letters").unwrap_err(), SealError::WeakKey);
    }

    #[test]
    fn never_shows_itself() {
        assert_eq!(format!("{:?}", key("a")), "SecretKey(1 keys)");
    }
}
