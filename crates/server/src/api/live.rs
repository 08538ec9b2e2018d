//! Telling screens that what they show may have changed, as Server-Sent Events. An event says only that there is news, never
//! what: the screen reads again, so that one that missed some is as right as one that saw them all.

use std::{
    convert::Infallible,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{FutureExt, Stream};
use serde::Deserialize;
use syncline_model::{id::EnvironmentId, issue::IssueFilter, profile::ProfileKind, store::Signal};
use tokio::time::{Instant, timeout};
use utoipa::IntoParams;

use super::{
    Api, EnvironmentPath,
    error::{ApiError, ErrorBody},
    extract::{InEnvironment, Query},
};
use crate::explain;

/// Proxies close what is silent for longer.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Signals may be lost between nodes and cannot say that a session has ended, so this often it looks on its own.
const LOOK_ANYWAY: Duration = Duration::from_secs(5);

/// Under a stream of changes a screen is told no more often than a person can read, and the store asked no more often for it.
const LOOKS_APART: Duration = Duration::from_millis(250);

/// What to watch.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WatchQuery {
    /// `salesforce`, `users`, `companies`, `users/{id}` or `companies/{id}`.
    watch: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Watched {
    Salesforce,
    Profiles(ProfileKind),
    Profile(ProfileKind, String),
}

impl Watched {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "salesforce" => Self::Salesforce,
            "users" => Self::Profiles(ProfileKind::User),
            "companies" => Self::Profiles(ProfileKind::Company),
            other => match other.split_once('/')? {
                ("users", id) if !id.is_empty() => Self::Profile(ProfileKind::User, id.to_owned()),
                ("companies", id) if !id.is_empty() => Self::Profile(ProfileKind::Company, id.to_owned()),
                _ => return None,
            },
        })
    }
}

/// Watch something: `event: changed` with `data: {"revision": n}` at once, and whenever it may have changed.
#[utoipa::path(
    get, path = "/environments/{env}/live", tag = "live", operation_id = "watch", params(EnvironmentPath, WatchQuery),
    responses(
        (status = 200, content_type = "text/event-stream", body = String),
        (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
    ),
)]
pub(super) async fn watch(
    State(api): State<Api>,
    environment: InEnvironment,
    Query(query): Query<WatchQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let watched = Watched::parse(&query.watch).ok_or_else(|| {
        let allowed = "`watch` is `salesforce`, `users`, `companies`, `users/{id}` or `companies/{id}`.";
        ApiError::invalid("watch", allowed)
    })?;
    let seen = views_so_far(&api);
    let watcher = Watcher {
        shown: fingerprint(&api, environment.id, &watched, seen).await?,
        api,
        environment: environment.id,
        session_hash: environment.session_hash,
        watched,
        seen,
        next_look: Instant::now(),
        revision: 0,
    };
    let events = futures::stream::unfold(watcher, |mut watcher| async move {
        let revision = watcher.next().await?;
        let event = Event::default().event("changed").data(format!("{{\"revision\":{revision}}}"));
        Some((Ok(event), watcher))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEPALIVE)))
}

struct Watcher {
    api: Api,
    environment: EnvironmentId,
    session_hash: Vec<u8>,
    watched: Watched,
    /// Fingerprint of what the screen has been told of.
    shown: u64,
    /// The signal's count when it was last looked.
    seen: u64,
    /// Not before this it looks again.
    next_look: Instant,
    revision: u64,
}

impl Watcher {
    /// The next revision; nothing once the server stops or the session is over.
    async fn next(&mut self) -> Option<u64> {
        if self.revision > 0 {
            let stop = self.api.stop.clone();
            tokio::select! {
                () = stop.cancelled() => return None,
                changed = self.change() => changed.ok()?,
            }
        }
        self.revision += 1;
        Some(self.revision)
    }

    /// Waits until what is watched differs from what was told.
    async fn change(&mut self) -> Result<(), ApiError> {
        loop {
            let wait = self.api.store.wait(Signal::View, self.seen);
            match timeout(LOOK_ANYWAY, wait).await {
                Ok(count) => self.seen = count,
                Err(_) => {
                    let member = self.api.store.session_member(&self.session_hash).await?;
                    member.ok_or_else(ApiError::unauthenticated)?;
                }
            }
            tokio::time::sleep_until(self.next_look).await;
            let now = fingerprint(&self.api, self.environment, &self.watched, self.seen).await?;
            self.next_look = Instant::now() + LOOKS_APART;
            if now != self.shown {
                self.shown = now;
                return Ok(());
            }
        }
    }
}

/// How many signals there were, without waiting for one.
fn views_so_far(api: &Api) -> u64 {
    api.store.wait(Signal::View, 0).now_or_never().unwrap_or(0)
}

/// A number that differs where what is shown differs; `seen` is the count of signals by now.
async fn fingerprint(api: &Api, environment: EnvironmentId, watched: &Watched, seen: u64) -> Result<u64, ApiError> {
    let mut hasher = DefaultHasher::new();
    match watched {
        Watched::Salesforce => {
            let view = super::salesforce::describe(api, environment).await?;
            serde_json::to_string(&view).map_err(ApiError::defect)?.hash(&mut hasher);
            if let Some(connection) = api.store.connection(environment).await? {
                for mapping in api.store.mappings(connection.id).await? {
                    (mapping.id, mapping.version, mapping.paused).hash(&mut hasher);
                }
                for field in api.store.wanted_fields(connection.id).await? {
                    (field.object, field.name, field.state.as_str(), field.detail).hash(&mut hasher);
                }
            }
        }
        Watched::Profiles(kind) => {
            // Any page of the list may be open. The count of signals stands for what is on it.
            let all = syncline_model::profile::ProfileFilter { limit: 1, ..Default::default() };
            api.store.count_profiles(environment, *kind, &all).await?.hash(&mut hasher);
            seen.hash(&mut hasher);
        }
        Watched::Profile(kind, id) => {
            let profile = api.store.profile(environment, *kind, id).await?;
            profile.map(|profile| profile.revision).hash(&mut hasher);
            if let Some(connection) = api.store.connection(environment).await? {
                connection.status.as_str().hash(&mut hasher);
                let standing = explain::of_profile(api.store.as_ref(), environment, &connection, *kind, id).await?;
                serde_json::to_string(&standing).map_err(ApiError::defect)?.hash(&mut hasher);
                let own = IssueFilter::of_profile(*kind, id);
                for listed in api.store.issues(connection.id, &own, None, 50).await? {
                    (listed.issue.id, listed.issue.count, listed.waiting).hash(&mut hasher);
                }
            }
        }
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_shown_can_be_watched() {
        assert_eq!(Watched::parse("users"), Some(Watched::Profiles(ProfileKind::User)));
        let profile = Watched::Profile(ProfileKind::Company, "a/b".into());
        assert_eq!(Watched::parse("companies/a/b"), Some(profile));
        assert_eq!(Watched::parse("users/"), None);
        assert_eq!(Watched::parse("secrets"), None);
    }
}
