//! Random tokens, their digests, and passwords. What is kept of a token is its SHA-256 digest: tokens are 32 random bytes, so a
//! slow hash would add nothing. Passwords are chosen by people and get argon2id.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use aws_lc_rs::{digest, rand};
use base64::{Engine, engine::general_purpose};
use tokio::sync::Semaphore;

/// 32 random bytes as text that is safe in URLs, cookies and headers.
pub fn random_token() -> String {
    general_purpose::URL_SAFE_NO_PAD.encode(random_bytes::<32>())
}

/// A key for [`syncline_model::store::Store`] secrets in the form of `SYNCLINE_SECRET_KEY`.
pub fn random_secret_key() -> String {
    general_purpose::STANDARD.encode(random_bytes::<32>())
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// What is kept of a token.
pub fn digest(token: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, token.as_bytes()).as_ref().to_vec()
}

/// argon2id takes 19 MiB and tens of milliseconds; more at a time than this would let strangers spend our memory.
static HASHING: Semaphore = Semaphore::const_new(2);

/// The password's argon2id hash in PHC form.
pub async fn hash_password(password: String) -> anyhow::Result<String> {
    let _permit = HASHING.acquire().await?;
    tokio::task::spawn_blocking(move || {
        let hash = Argon2::default().hash_password(password.as_bytes());
        Ok(hash.map_err(|error| anyhow::anyhow!("the password can not be hashed: {error}"))?.to_string())
    })
    .await?
}

/// Whether the password belongs to the hash. Takes as long where there is no hash, so that time does not tell who exists.
pub async fn verify_password(password: String, hash: Option<String>) -> anyhow::Result<bool> {
    /// Hash of a password that nobody has.
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IGZvciBub2JvZHk$U9IubDThBgUhAVrSJ4dGCBoC5sBaD0oqmlTCqJHqHNQ";
    let _permit = HASHING.acquire().await?;
    tokio::task::spawn_blocking(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let parsed = PasswordHash::new(&hash).map_err(|error| anyhow::anyhow!("a stored hash is damaged: {error}"))?;
        let matches = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
        Ok(matches && known)
    })
    .await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let hash = hash_password("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(verify_password("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!verify_password("wrong horse".into(), Some(hash)).await.unwrap());
        assert!(!verify_password("wrong horse".into(), None).await.unwrap());
    }

    #[test]
    fn tokens_differ_and_digests_are_stable() {
        assert_ne!(random_token(), random_token());
        assert_eq!(digest("a"), digest("a"));
        assert_eq!(digest("a").len(), 32);
    }
}
