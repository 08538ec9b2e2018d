//! Errands: what a connection needs besides its changes. Fields that mappings want are made, the connection is examined, its objects
//! are described anew, and its grant is kept alive. None of them may hold up a change, so none of them is in the workers' way.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use jiff::Timestamp;
use syncline_model::{
    connector::{Connector, ConnectorError},
    custom_field::{WantedField, WantedFieldState},
    issue::IssueFilter,
    mapping::ObjectMapping,
};
use tokio::time::Instant;

use crate::{
    budget::{Permit, Purpose},
    context::{Interrupt, OwnerContext, POLL},
    error_policy::{Action, Rest, policy, words},
    examine, objects,
    tempo::Tempo,
};

/// Runs errands until that ends.
pub(crate) async fn run(context: &OwnerContext, connector: &dyn Connector) -> Interrupt {
    let mut failures = 0;
    let mut errands = loop {
        match Errands::new(context, connector).await {
            Ok(errands) => break errands,
            Err(why) => {
                if let Err(why) = context.recover(why, failures, "looking for errands").await {
                    return why;
                }
                failures += 1;
            }
        }
    };
    let apart = POLL.min(context.options.tempo.ensure_field);
    loop {
        match errands.round().await {
            Ok(()) => failures = 0,
            Err(why) => {
                if let Err(why) = context.recover(why, failures, "running errands").await {
                    return why;
                }
                failures += 1;
            }
        }
        tokio::time::sleep(apart).await;
    }
}

struct Errands<'a> {
    context: &'a OwnerContext,
    connector: &'a dyn Connector,
    fields: HashMap<(String, String), Try>,
    describe: Instant,
    describe_missing: Instant,
    /// When doubted objects were described last.
    doubted: HashMap<String, Instant>,
    keep_alive: Instant,
    /// When the connection was examined last, and the mappings that it was examined for.
    examined: Option<Timestamp>,
    examined_for: Vec<(String, i64)>,
    examine_not_before: Instant,
}

/// How often a field was tried.
struct Try {
    next: Instant,
    failures: u32,
    state: WantedFieldState,
}

impl<'a> Errands<'a> {
    async fn new(context: &'a OwnerContext, connector: &'a dyn Connector) -> Result<Self, Interrupt> {
        let (store, tempo, now) = (&context.options.store, &context.options.tempo, Instant::now());
        let last = store.examination(context.connection.id).await?.map(|examination| examination.at);
        let rules = context.stored_rules().await?;
        Ok(Self {
            context,
            connector,
            fields: HashMap::new(),
            describe: now + tempo.describe,
            describe_missing: now + tempo.describe_missing,
            doubted: HashMap::new(),
            keep_alive: now + tempo.keep_alive,
            // One from before it was connected again says nothing of the new grant.
            examined: last.filter(|at| *at >= context.connection.connected_at),
            examined_for: versions(&rules.mappings),
            examine_not_before: now,
        })
    }

    async fn round(&mut self) -> Result<(), Interrupt> {
        let (context, tempo, now) = (self.context, &self.context.options.tempo, Instant::now());
        self.make_fields().await?;
        self.examine().await?;
        let may_call = !matches!(context.spending.permit(Purpose::Sweep, context.now()), Permit::Stop(_));
        if now >= self.describe && may_call {
            self.describe = now + tempo.describe;
            self.describe_all().await?;
        }
        if may_call {
            self.look_again(now).await?;
        }
        if now >= self.keep_alive {
            self.keep_alive = now + tempo.retry_most;
            self.connector.keep_alive().await?;
            self.keep_alive = now + tempo.keep_alive;
        }
        Ok(())
    }

    /// Takes each field that is still wanted as far as it will go.
    async fn make_fields(&mut self) -> Result<(), Interrupt> {
        let (context, tempo) = (self.context, &self.context.options.tempo);
        let rules = context.stored_rules().await?;
        let wanted = &rules.wanted_fields;
        self.fields
            .retain(|(object, name), _| wanted.iter().any(|field| field.object == *object && field.name == *name));
        for field in wanted.iter().filter(|field| field.state != WantedFieldState::Usable) {
            let now = Instant::now();
            let tried = self.fields.entry((field.object.clone(), field.name.clone())).or_insert_with(|| Try {
                next: now,
                failures: 0,
                state: field.state,
            });
            if tried.state == WantedFieldState::Refused && field.state == WantedFieldState::Wanted {
                // Saved again: somebody expects it to be tried again.
                *tried = Try { next: now, failures: 0, state: field.state };
            }
            if now < tried.next || matches!(context.spending.permit(Purpose::Live, context.now()), Permit::Stop(_)) {
                continue;
            }
            let (state, detail, wait) = match ensure(context, self.connector, field).await {
                Ok(true) => (WantedFieldState::Usable, None, Duration::ZERO),
                Ok(false) => (
                    WantedFieldState::Wanted,
                    Some("It is made; Salesforce does not show it to the connected user yet.".to_owned()),
                    visibility_wait(tempo, tried.failures),
                ),
                Err(Interrupt::Connector(error)) => match policy(error.kind).action {
                    Action::Reconnect => return Err(error.into()),
                    action => {
                        context.note_limit(&error);
                        field_trouble(tempo, &error, action, tried.failures)
                    }
                },
                Err(why) => return Err(why),
            };
            *tried = Try { next: now + wait, failures: tried.failures.saturating_add(1), state };
            if (state, &detail) != (field.state, &field.detail) {
                let field = WantedField { state, detail, ..field.clone() };
                context.options.store.save_wanted_field(&context.lease, &field).await?;
            }
        }
        Ok(())
    }

    /// Examines the connection if somebody asked for it, or if it is time to.
    async fn examine(&mut self) -> Result<(), Interrupt> {
        let (context, tempo) = (self.context, &self.context.options.tempo);
        let store = &context.options.store;
        let rules = context.stored_rules().await?;
        let mappings = &rules.mappings;
        let requests = store.examination_requests(context.connection.id).await?;
        let versions = versions(mappings);
        let now = context.now();
        let is_old = self.examined.is_none_or(|at| now - at >= signed(tempo.examine));
        let is_due = (is_old || versions != self.examined_for)
            && !matches!(context.spending.permit(Purpose::Sweep, now), Permit::Stop(_));
        if !(requests > 0 || is_due) || Instant::now() < self.examine_not_before {
            return Ok(());
        }
        self.examine_not_before = Instant::now() + tempo.retry_first;
        if requests > 0 {
            // Whoever asks has changed something in the org just now.
            context.feeds.prepare_soon();
            self.describe_all().await?;
        }
        let own = examine::Own {
            feeds: store.feeds(context.connection.id).await?,
            issues: store.issue_groups(context.connection.id, &IssueFilter::default()).await?,
            budget: context.spending.budget(now),
        };
        let (examination, failure) = examine::examine(self.connector, mappings, own, || context.now()).await;
        store.save_examination(&context.lease, &examination, requests).await?;
        self.examined = Some(examination.at);
        self.examined_for = versions;
        match failure {
            Some(error) if policy(error.kind).action == Action::Reconnect => return Err(error.into()),
            Some(error) => context.note_limit(&error),
            None => context.spending.answered(),
        }
        Ok(())
    }

    /// Describes the objects anew.
    async fn describe_all(&mut self) -> Result<(), Interrupt> {
        let context = self.context;
        let rules = context.stored_rules().await?;
        let mappings = &rules.mappings;
        let mapped = mappings.iter().map(|mapping| mapping.definition.salesforce.as_str());
        let interest = context.interest(mappings);
        let offered = self.connector.offered_objects().iter().copied();
        let objects: BTreeSet<&str> = mapped.chain(offered).chain(interest.objects()).collect();
        self.describe_objects(objects).await?;
        context.forget_refusals();
        self.unless_refused(self.know_others(mappings).await)
    }

    /// Describes objects again about which a call was refused for what they look like, at once the first time; and from time to time
    /// whatever mappings need and do not find. Whatever is marked by that closes its sync issues by itself.
    async fn look_again(&mut self, now: Instant) -> Result<(), Interrupt> {
        let (context, tempo) = (self.context, &self.context.options.tempo);
        self.doubted.retain(|_, at| now < *at + tempo.rest_misconfigured);
        let doubted = context.take_doubted(|object| !self.doubted.contains_key(object));
        self.doubted.extend(doubted.iter().map(|object| (object.clone(), now)));
        self.describe_objects(doubted.iter().map(String::as_str)).await?;
        if now < self.describe_missing {
            return Ok(());
        }
        self.describe_missing = now + tempo.describe_missing;
        let rules = context.stored_rules().await?;
        let lacking = context.lacking(&rules.mappings);
        self.describe_objects(lacking.iter().map(String::as_str)).await?;
        context.forget_refusals();
        self.unless_refused(context.describe_used(self.connector, &rules.mappings).await)
    }

    /// Describes objects one by one; those that can not be described hold up none of the others.
    async fn describe_objects<'o>(&self, objects: impl IntoIterator<Item = &'o str>) -> Result<(), Interrupt> {
        let context = self.context;
        let mut is_limited = false;
        for object in objects {
            if is_limited {
                // It would be told the same as the one before.
                context.doubt(object);
                continue;
            }
            match context.describe(self.connector, object).await {
                Ok(()) => {}
                Err(Interrupt::Connector(error)) if policy(error.kind).action != Action::Reconnect => {
                    tracing::warn!(connection.id = %context.connection.id, object, error = &error as &dyn std::error::Error, "object can not be described");
                    context.note_limit(&error);
                    if !matches!(policy(error.kind).action, Action::Issue(_)) {
                        context.doubt(object);
                    }
                    is_limited = matches!(policy(error.kind).action, Action::Rest(Rest::Quota | Rest::Rate));
                }
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    /// What was known stays where objects can not be listed or described; whoever asked for an examination is to be told what is wrong.
    fn unless_refused(&self, done: Result<(), Interrupt>) -> Result<(), Interrupt> {
        match done {
            Err(Interrupt::Connector(error)) if policy(error.kind).action != Action::Reconnect => {
                tracing::warn!(connection.id = %self.context.connection.id, error = &error as &dyn std::error::Error, "objects can not be listed or described");
                self.context.note_limit(&error);
                Ok(())
            }
            other => other,
        }
    }

    /// Describes what is not known yet, lists what can be mapped, and forgets what nobody uses.
    async fn know_others(&self, mappings: &[ObjectMapping]) -> Result<(), Interrupt> {
        self.context.describe_used(self.connector, mappings).await?;
        objects::list(self.context, self.connector).await?;
        objects::forget_unused(self.context, self.connector, mappings).await
    }
}

/// Makes a field and tells whether the connected user sees it and may change it, by the description that planning goes by.
async fn ensure(context: &OwnerContext, connector: &dyn Connector, field: &WantedField) -> Result<bool, Interrupt> {
    if !connector.ensure_field(field).await? {
        return Ok(false);
    }
    context.describe(connector, &field.object).await?;
    let schema = context.schema(&field.object);
    Ok(schema.and_then(|schema| Some(schema.field(&field.name)?.updateable)).unwrap_or(false))
}

/// What a failure makes of a field, what is said of it, and how long to wait.
fn field_trouble(
    tempo: &Tempo,
    error: &ConnectorError,
    action: Action,
    failures: u32,
) -> (WantedFieldState, Option<String>, Duration) {
    let detail = Some(words(error).to_string());
    match action {
        Action::Retry | Action::Resync | Action::ReadAgain => {
            (WantedFieldState::Wanted, detail, tempo.backoff(failures))
        }
        Action::Rest(Rest::Rate) => (WantedFieldState::Wanted, detail, tempo.rest_rate),
        Action::Rest(Rest::Quota) => (WantedFieldState::Wanted, detail, tempo.rest_quota),
        // Not allowed: an administrator must act. Once an hour finds out by itself that one has.
        _ => (WantedFieldState::Refused, detail, tempo.rest_misconfigured * 60),
    }
}

/// Seconds as a rule, sometimes minutes: so it is asked for ever less often.
fn visibility_wait(tempo: &Tempo, failures: u32) -> Duration {
    tempo.retry_most.min(tempo.ensure_field.saturating_mul(1 << (failures / 5).min(10)))
}

fn versions(mappings: &[ObjectMapping]) -> Vec<(String, i64)> {
    mappings.iter().map(|mapping| (mapping.id.to_string(), mapping.version)).collect()
}

fn signed(time: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(time).unwrap_or(jiff::SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use syncline_model::connector::ErrorKind;

    use super::*;

    #[test]
    fn a_refusal_is_tried_again_in_an_hour_and_a_failure_in_a_moment() {
        let tempo = Tempo::default();
        let trouble = |kind| {
            let error = ConnectorError::new(kind, "", "no");
            let (state, _, wait) = field_trouble(&tempo, &error, policy(kind).action, 0);
            (state, wait.as_secs())
        };
        assert_eq!(trouble(ErrorKind::Misconfigured), (WantedFieldState::Refused, 3_600));
        assert_eq!(trouble(ErrorKind::FieldRejected), (WantedFieldState::Refused, 3_600));
        assert_eq!(trouble(ErrorKind::Transient), (WantedFieldState::Wanted, 1));
        assert_eq!(trouble(ErrorKind::UnknownOutcome), (WantedFieldState::Wanted, 1));
        assert_eq!(trouble(ErrorKind::QuotaExhausted), (WantedFieldState::Wanted, 900));
    }

    #[test]
    fn a_field_that_stays_unseen_is_asked_for_ever_less_often() {
        let tempo = Tempo::default();
        let waits: Vec<_> = [0, 5, 10, 100].map(|failures| visibility_wait(&tempo, failures).as_secs()).into();
        assert_eq!(waits, [2, 4, 8, 300]);
    }
}
