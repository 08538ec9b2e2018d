//! Listening: takes news from the change stream into the store, with the position they bring, and wakes the workers by it. What to
//! listen to is [`crate::feeds`]' to say.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use syncline_model::{
    Values,
    change::{ChangeBatch, RecordChange, RecordEffect, RecordedChanges},
    connection::StreamState,
    connector::{Connector, ErrorKind},
    feed::NewestChange,
    id::MappingId,
    mapping::{MatchKey, ObjectMapping},
};

use crate::{
    context::{Interrupt, OwnerContext},
    error_policy::{Action, policy, words},
    feeds::Source,
    interest::Interest,
};

/// A stream that the other side closed in good order is opened again after this, so that one which closes at once does no harm.
const REOPEN_APART: Duration = Duration::from_millis(200);

/// Listens until that ends.
pub(crate) async fn run(context: &OwnerContext, connector: &dyn Connector) -> Interrupt {
    let mut listen_to = context.feeds.listen_to();
    loop {
        let (source, _) = listen_to.borrow_and_update().clone();
        let ended = tokio::select! {
            why = listen(context, connector, &source) => Some(why),
            _ = listen_to.changed() => None,
        };
        if let Some(why) = ended {
            return why;
        }
    }
}

/// Listens to one source until that ends.
async fn listen(context: &OwnerContext, connector: &dyn Connector, source: &Source) -> Interrupt {
    let state = match source {
        Source::Topic(topic) => return listen_on(context, connector, topic).await,
        // All that there is to be told of is.
        Source::Nothing => StreamState::Live,
        Source::NoStream => StreamState::Stopped,
    };
    match context.say_stream(state, None).await {
        Ok(()) => std::future::pending().await,
        Err(why) => why,
    }
}

async fn listen_on(context: &OwnerContext, connector: &dyn Connector, topic: &str) -> Interrupt {
    let mut failures = 0;
    loop {
        let Err(why) = listen_once(context, connector, topic, &mut failures).await else {
            match context.rest(REOPEN_APART).await {
                Ok(()) => continue,
                Err(why) => return why,
            }
        };
        if let Err(why) = recover(context, topic, why, failures).await {
            return why;
        }
        failures += 1;
    }
}

async fn recover(context: &OwnerContext, topic: &str, why: Interrupt, failures: u32) -> Result<(), Interrupt> {
    if let Interrupt::Connector(error) = &why {
        let words = words(error);
        if policy(error.kind).action == Action::Resync {
            tracing::error!(connection.id = %context.connection.id, "{}; {}", words.cause, words.remedy);
            return Ok(context.options.store.lose_position(&context.lease, topic).await?);
        }
        context.feeds.broke(error);
        context.say_stream(StreamState::Retrying, Some(words.to_string())).await?;
    }
    // The limits of the stream are its own: calls go on.
    context.wait_out(why, failures, "listening to changes").await
}

/// Opens the stream where it was left, and takes in what comes until it is closed.
async fn listen_once(
    context: &OwnerContext,
    connector: &dyn Connector,
    topic: &str,
    failures: &mut u32,
) -> Result<(), Interrupt> {
    let store = &context.options.store;
    let position = store.position(context.connection.id, topic).await?;
    if *failures == 0 {
        context.say_stream(StreamState::Connecting, None).await?;
    }
    let mut stream = connector.changes(topic, position.as_ref()).await?;
    context.feeds.opened();
    context.say_stream(StreamState::Live, context.feeds.deafness()).await?;
    while let Some(batch) = stream.next().await? {
        // All its records are announced when a field gets another type: they are read as the object looks by now.
        for object in batch.resync_objects.iter().filter(|object| context.schema(object).is_some()) {
            match context.describe(connector, object).await {
                Err(Interrupt::Connector(error)) if matches!(policy(error.kind).action, Action::Issue(_)) => {}
                described => described?,
            }
        }
        let rules = context.stored_rules().await?;
        let newest = newest_changes(context, &batch);
        let mut changes = sift(&rules.mappings, &context.interest(&rules.mappings), topic, batch);
        add_unknown_keys(context, connector, &rules.mappings, &mut changes).await?;
        metrics::counter!("syncline_changes_received_total").increment(changes.changes.len() as u64);
        context.feeds.heard(&newest);
        changes.newest = newest;
        store.record_changes(&context.lease, &changes).await?;
        context.say_stream(StreamState::Live, context.feeds.deafness()).await?;
        *failures = 0;
    }
    Ok(())
}

fn newest_changes(context: &OwnerContext, batch: &ChangeBatch) -> Vec<NewestChange> {
    let now_ms = context.now().as_millisecond();
    let mut newest: BTreeMap<&str, i64> = BTreeMap::new();
    for change in &batch.changes {
        let known = newest.entry(&change.object).or_insert(change.commit.commit_ms);
        *known = change.commit.commit_ms.max(*known);
    }
    let newest = newest.into_iter().map(|(object, commit_ms)| NewestChange {
        object: object.to_owned(),
        commit_ms,
        delay_ms: (now_ms - commit_ms).max(0),
    });
    newest.collect()
}

/// Keeps what concerns mapped and associated objects and their fields, and names the match keys that appeared.
fn sift(mappings: &[ObjectMapping], interest: &Interest, topic: &str, batch: ChangeBatch) -> RecordedChanges {
    let mut recorded =
        RecordedChanges { stream: topic.to_owned(), position: batch.position, ..RecordedChanges::default() };
    for change in batch.changes {
        let Some(fields) = interest.fields(&change.object) else { continue };
        for mapping in mappings.iter().filter(|mapping| mapping.definition.salesforce == change.object) {
            if let RecordEffect::Values { values, .. } = &change.effect {
                recorded.keys.extend(match_key(mapping, values, &change.record_id));
            }
        }
        let effect = match change.effect {
            RecordEffect::Values { values, complete } => {
                let values: Values = values.into_iter().filter(|(name, _)| fields.contains(name)).collect();
                if values.is_empty() {
                    continue;
                }
                RecordEffect::Values { values, complete }
            }
            other => other,
        };
        recorded.changes.push(RecordChange { effect, ..change });
    }
    let resync = mappings.iter().filter(|mapping| batch.resync_objects.contains(&mapping.definition.salesforce));
    recorded.resync = resync.map(|mapping| mapping.id).collect();
    recorded.resync_objects = batch.resync_objects;
    recorded.resync_objects.retain(|object| interest.is_associated(object));
    recorded
}

/// The key by which these values say that a record matches; `None` where they do not.
pub(crate) fn match_key(
    mapping: &ObjectMapping,
    values: &Values,
    record_id: &str,
) -> Option<(MappingId, MatchKey, String)> {
    let rule = &mapping.definition.match_rule;
    let key = values.get(&rule.salesforce).and_then(|value| rule.key(value))?;
    Some((mapping.id, key, record_id.to_owned()))
}

/// A change that does not tell its values may have given a record that nobody is linked to a key that somebody has: those keys are read.
async fn add_unknown_keys(
    context: &OwnerContext,
    connector: &dyn Connector,
    mappings: &[ObjectMapping],
    recorded: &mut RecordedChanges,
) -> Result<(), Interrupt> {
    let mut unknown: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for change in recorded.changes.iter().filter(|change| change.effect == RecordEffect::Unknown) {
        unknown.entry(&change.object).or_default().push(change.record_id.clone());
    }
    let mut keys = Vec::new();
    for (object, ids) in unknown {
        let of_object: Vec<_> = mappings.iter().filter(|mapping| mapping.definition.salesforce == object).collect();
        if of_object.is_empty() {
            continue;
        }
        let fields = of_object.iter().map(|mapping| mapping.definition.match_rule.salesforce.clone());
        let is_seen = |field: &String| context.schema(object).is_none_or(|schema| schema.field(field).is_some());
        let fields: BTreeSet<_> = fields.filter(is_seen).collect();
        if fields.is_empty() {
            // All of the object is looked up again once what it is matched by can be seen again.
            continue;
        }
        context.wait_for_calls().await?;
        let read = connector.read(object, &ids, &fields.into_iter().collect::<Vec<_>>()).await;
        if read.as_ref().is_err_and(|error| error.kind == ErrorKind::SchemaChanged) {
            match context.describe(connector, object).await {
                // The same holds of what is not there.
                Err(Interrupt::Connector(error)) if matches!(policy(error.kind).action, Action::Issue(_)) => continue,
                // The stream brings the change again, and then it is read as the object looks by now.
                described => described?,
            }
        }
        for record in read.inspect_err(|error| context.note_limit(error))? {
            keys.extend(of_object.iter().filter_map(|mapping| match_key(mapping, &record.values, &record.id)));
        }
    }
    recorded.keys.extend(keys);
    Ok(())
}
