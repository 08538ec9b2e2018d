//! Rows as values of the model.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::{ColumnIndex, Database, Decode, Row as _, Type};
use syncline_model::{
    change::CommitPosition,
    clock::from_ms,
    connection::{Connection, StreamStatus},
    connector::ApiUsage,
    custom_field::WantedField,
    feed::Feed,
    issue::{Issue, NewIssue},
    mapping::ObjectMapping,
    profile::{Environment, Membership, Profile},
    record::HeldRecord,
    store::Member,
    summary::QuestionDefinition,
};

use super::Db;
use crate::failure::Failure;

pub(super) type Row = <Db as Database>::Row;

pub(super) fn get<'r, T>(row: &'r Row, column: &'static str) -> Result<T, Failure>
where
    T: Decode<'r, Db> + Type<Db>,
    &'static str: ColumnIndex<Row>,
{
    Ok(row.try_get(column)?)
}

pub(super) fn text(row: &Row, column: &'static str) -> Result<String, Failure> {
    get(row, column)
}

pub(super) fn time(row: &Row, column: &'static str) -> Result<Timestamp, Failure> {
    Ok(from_ms(get::<i64>(row, column)?))
}

pub(super) fn flag(row: &Row, column: &'static str) -> Result<bool, Failure> {
    Ok(get::<i64>(row, column)? != 0)
}

pub(super) fn id<T>(row: &Row, column: &'static str) -> Result<T, Failure>
where
    T: std::str::FromStr,
    Failure: From<T::Err>,
{
    Ok(text(row, column)?.parse()?)
}

pub(super) fn json<T: DeserializeOwned>(row: &Row, column: &'static str) -> Result<T, Failure> {
    Ok(serde_json::from_str(get::<&str>(row, column)?)?)
}

/// One of the words that a type of the model has.
pub(super) fn word<T: DeserializeOwned>(row: &Row, column: &'static str) -> Result<T, Failure> {
    Ok(serde_json::from_value(serde_json::Value::String(text(row, column)?))?)
}

pub(super) fn environment(row: &Row) -> Result<Environment, Failure> {
    Ok(Environment { id: id(row, "id")?, name: text(row, "name")?, created_at: time(row, "created_at")? })
}

pub(super) fn member(row: &Row) -> Result<Member, Failure> {
    Ok(Member {
        id: id(row, "id")?,
        email: text(row, "email")?,
        name: text(row, "name")?,
        password_hash: text(row, "password_hash")?,
    })
}

/// Columns of [`profile`].
pub(super) const PROFILE: &str = "p.kind, p.id, p.attributes, p.created_at, p.last_seen_at, p.summary, p.revision";

pub(super) fn profile(row: &Row) -> Result<Profile, Failure> {
    Ok(Profile {
        kind: word(row, "kind")?,
        id: text(row, "id")?,
        attributes: json(row, "attributes")?,
        created_at: time(row, "created_at")?,
        last_seen_at: get::<Option<i64>>(row, "last_seen_at")?.map(from_ms),
        summary: json(row, "summary")?,
        revision: get(row, "revision")?,
    })
}

pub(super) fn membership(row: &Row) -> Result<Membership, Failure> {
    Ok(Membership {
        user_id: text(row, "user_id")?,
        company_id: text(row, "company_id")?,
        attributes: json(row, "attributes")?,
        created_at: time(row, "created_at")?,
    })
}

/// Columns of [`question`].
pub(super) const QUESTION: &str = "id, name, data_type, created_at";

pub(super) fn question(row: &Row) -> Result<QuestionDefinition, Failure> {
    Ok(QuestionDefinition {
        id: text(row, "id")?,
        name: text(row, "name")?,
        data_type: text(row, "data_type")?.parse()?,
        created_at: time(row, "created_at")?,
    })
}

fn usage(row: &Row, used: &'static str, limit: &'static str) -> Result<Option<ApiUsage>, Failure> {
    let (used, limit) = (get::<Option<i64>>(row, used)?, get::<Option<i64>>(row, limit)?);
    Ok(match used.zip(limit) {
        Some((used, limit)) => Some(ApiUsage { used: used.try_into()?, limit: limit.try_into()? }),
        None => None,
    })
}

pub(super) fn connection(row: &Row) -> Result<Connection, Failure> {
    Ok(Connection {
        id: id(row, "id")?,
        environment_id: id(row, "environment_id")?,
        status: word(row, "status")?,
        detail: get(row, "detail")?,
        epoch: get(row, "epoch")?,
        org: json(row, "org")?,
        connected_at: time(row, "connected_at")?,
        stream: StreamStatus {
            state: word(row, "stream_state")?,
            since: time(row, "stream_since")?,
            detail: get(row, "stream_detail")?,
            last_event_at: get::<Option<i64>>(row, "last_event_at")?.map(from_ms),
            last_delay_ms: get(row, "last_delay_ms")?,
        },
        api_usage: usage(row, "api_used", "api_limit")?,
        deliveries: usage(row, "deliveries_used", "deliveries_limit")?,
        api_share: get::<i64>(row, "api_share")?.try_into()?,
    })
}

pub(super) fn feed(row: &Row) -> Result<Feed, Failure> {
    Ok(Feed {
        object: text(row, "object")?,
        way: word(row, "way")?,
        reason: get(row, "reason")?,
        since: time(row, "since")?,
        expected_delay_ms: get(row, "expected_delay_ms")?,
        last_change_at: get::<Option<i64>>(row, "last_change_at")?.map(from_ms),
        last_delay_ms: get(row, "last_delay_ms")?,
    })
}

pub(super) fn wanted_field(row: &Row) -> Result<WantedField, Failure> {
    Ok(WantedField {
        object: text(row, "object")?,
        name: text(row, "name")?,
        label: text(row, "label")?,
        kind: word(row, "kind")?,
        state: word(row, "state")?,
        detail: get(row, "detail")?,
    })
}

pub(super) fn mapping(row: &Row) -> Result<ObjectMapping, Failure> {
    Ok(ObjectMapping {
        id: id(row, "id")?,
        version: get(row, "version")?,
        edited_at: get::<Option<i64>>(row, "edited_at")?.map(from_ms),
        position: get::<i64>(row, "position")?.try_into()?,
        paused: flag(row, "paused")?,
        definition: json(row, "definition")?,
    })
}

/// A record with its columns named as in the table, but for `created_at`, which is `record_created_at`.
pub(super) fn record(row: &Row) -> Result<HeldRecord, Failure> {
    let commit = match get::<Option<i64>>(row, "commit_number")? {
        Some(commit_number) => Some(CommitPosition {
            commit_ms: get(row, "commit_ms")?,
            commit_number,
            sequence: get::<i64>(row, "commit_sequence")?.try_into()?,
        }),
        None => None,
    };
    Ok(HeldRecord {
        object: text(row, "object")?,
        id: text(row, "record_id")?,
        values: json(row, "fields")?,
        created_at: time(row, "record_created_at")?,
        read_ms: get(row, "read_ms")?,
        commit,
        stale: flag(row, "stale")?,
        gone: flag(row, "gone")?,
        revision: get(row, "record_revision")?,
    })
}

/// Columns of [`record`].
pub(super) const RECORD: &str = "r.object, r.record_id, r.fields, r.created_at as record_created_at, r.read_ms, r.commit_ms, \
     r.commit_number, r.commit_sequence, r.stale, r.gone, r.revision as record_revision";

pub(super) fn issue(row: &Row) -> Result<Issue, Failure> {
    Ok(Issue {
        id: id(row, "id")?,
        mapping_id: id(row, "mapping_id")?,
        profile_kind: word(row, "profile_kind")?,
        profile_id: text(row, "profile_id")?,
        issue: NewIssue {
            kind: word(row, "kind")?,
            record_id: get(row, "record_id")?,
            field: get(row, "field")?,
            code: text(row, "code")?,
            cause: text(row, "cause")?,
            remedy: text(row, "remedy")?,
        },
        first_at: time(row, "first_at")?,
        last_at: time(row, "last_at")?,
        count: get(row, "count")?,
    })
}
