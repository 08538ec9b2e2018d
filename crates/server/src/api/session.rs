//! Signing in and out.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Mutex,
};

use axum::{
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use syncline_model::store::Member as StoredMember;
use utoipa::ToSchema;

use super::{
    Api,
    error::{ApiError, ErrorBody},
    extract::{Json, SESSION_COOKIE, SignedIn, session_token},
};
use crate::secrets;

/// How long a session lasts. A week, so that whoever looks in daily never signs in twice in it.
const SESSION_HOURS: i64 = 7 * 24;

/// Longest password that is looked at, so that hashing has a bound.
const PASSWORD_BYTES_MAX: usize = 1024;

/// Who is signed in, and what they can see.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Session {
    member: Member,
    environments: Vec<Environment>,
}

/// A person who may sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Member {
    email: String,
    name: String,
}

/// An environment.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Environment {
    id: String,
    name: String,
}

/// What signs a member in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    email: String,
    password: String,
}

/// Sign in.
#[utoipa::path(
    post, path = "/session", tag = "session", operation_id = "signIn", request_body = SignIn,
    responses(
        (status = 200, body = Session),
        (status = 401, body = ErrorBody, description = "`invalid_credentials`"),
        (status = 429, body = ErrorBody, description = "Too many failed attempts from one address"),
    ),
)]
pub(super) async fn sign_in(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Json(SignIn { email, password }): Json<SignIn>,
) -> Result<impl IntoResponse, ApiError> {
    let now = api.clock.now();
    if !api.throttle.allows(peer.ip(), now) {
        return Err(ApiError::too_many());
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(ApiError::invalid_credentials());
    }
    let member = api.store.member_by_email(email.trim()).await?;
    let hash = member.as_ref().map(|member| member.password_hash.clone());
    let right = secrets::verify_password(password, hash).await.map_err(ApiError::defect)?;
    let Some(member) = member.filter(|_| right) else {
        api.throttle.note_failure(peer.ip(), now);
        return Err(ApiError::invalid_credentials());
    };
    let token = secrets::random_token();
    let expires_at = now.saturating_add(SignedDuration::from_hours(SESSION_HOURS)).map_err(ApiError::defect)?;
    api.store.add_session(&secrets::digest(&token), member.id, expires_at).await?;
    let cookie = session_cookie(&api, &token, SESSION_HOURS * 3600);
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), axum::Json(describe(&api, member).await?)))
}

fn session_cookie(api: &Api, token: &str, max_age_s: i64) -> String {
    let secure = if api.public_url.scheme() == "https" { "; Secure" } else { "" };
    format!("{SESSION_COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_s}{secure}")
}

async fn describe(api: &Api, member: StoredMember) -> Result<Session, ApiError> {
    let environments = api.store.environments().await?.into_iter();
    let environments = environments.map(|one| Environment { id: one.id.to_string(), name: one.name }).collect();
    Ok(Session { member: Member { email: member.email, name: member.name }, environments })
}

/// Who is signed in.
#[utoipa::path(
    get, path = "/session", tag = "session", operation_id = "currentSession",
    responses((status = 200, body = Session), (status = 401, body = ErrorBody, description = "`unauthenticated`")),
)]
pub(super) async fn current(State(api): State<Api>, signed_in: SignedIn) -> Result<axum::Json<Session>, ApiError> {
    Ok(axum::Json(describe(&api, signed_in.member).await?))
}

/// Sign out.
#[utoipa::path(
    delete, path = "/session", tag = "session", operation_id = "signOut",
    responses((status = 204, description = "Nobody is signed in any more")),
)]
pub(super) async fn sign_out(State(api): State<Api>, headers: HeaderMap) -> Result<impl IntoResponse, ApiError> {
    if let Some(token) = session_token(&headers) {
        api.store.remove_session(&secrets::digest(token)).await?;
    }
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, session_cookie(&api, "", 0))])))
}

/// Bounds guessing of passwords: so many failures from one address in so long a time.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<HashMap<IpAddr, Failures>>);

#[derive(Debug)]
struct Failures {
    since: Timestamp,
    count: u32,
}

impl Throttle {
    /// Enough for a person who has forgotten which password it was.
    const FAILURES_MAX: u32 = 10;
    /// After that time all is forgiven.
    const WINDOW_MINUTES: i64 = 5;
    /// Beyond this, what is over is swept out, so that addresses can not fill the memory.
    const ADDRESSES_MAX: usize = 10_000;

    fn allows(&self, address: IpAddr, now: Timestamp) -> bool {
        let known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.get(&address).is_none_or(|failures| failures.is_over(now) || failures.count < Self::FAILURES_MAX)
    }

    fn note_failure(&self, address: IpAddr, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.len() >= Self::ADDRESSES_MAX {
            known.retain(|_, failures| !failures.is_over(now));
        }
        let failures = known.entry(address).or_insert(Failures { since: now, count: 0 });
        if failures.is_over(now) {
            *failures = Failures { since: now, count: 0 };
        }
        failures.count += 1;
    }
}

impl Failures {
    fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.since) > SignedDuration::from_mins(Throttle::WINDOW_MINUTES)
    }
}

#[cfg(test)]
mod tests {
    use syncline_model::clock::from_ms;

    use super::*;

    #[test]
    fn failures_are_forgiven_after_a_while_and_counted_by_address() {
        let throttle = Throttle::default();
        let (guesser, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for second in 0..10 {
            assert!(throttle.allows(guesser, from_ms(second * 1000)));
            throttle.note_failure(guesser, from_ms(second * 1000));
        }
        assert!(!throttle.allows(guesser, from_ms(20_000)));
        assert!(throttle.allows(other, from_ms(20_000)));
        assert!(throttle.allows(guesser, from_ms(301_000)));
    }
}
