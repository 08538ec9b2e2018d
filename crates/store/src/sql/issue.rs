//! Sync issues as lists and groups, and having them tried again.

use std::collections::BTreeMap;

use sqlx::QueryBuilder;
use syncline_model::{
    id::{ConnectionId, IssueId},
    issue::{IssueFilter, IssueGroup, IssueKind, ListedIssue, Retried},
    work::Lane,
};

use super::{
    Db,
    environment::containing,
    link::DUE_AGAIN,
    row::{self, flag, get, text},
    store::{ROWS_MAX, SqlStore, Unit},
};
use crate::{
    failure::Failure,
    rules::{IssueGroupKey, words_of},
};

/// Issues with their profiles.
const ISSUES: &str = " from sync_issue i join connection c on c.id = i.connection_id \
     left join profile p on p.environment_id = c.environment_id and p.kind = i.profile_kind and p.id = i.profile_id";

/// And with their items, where those are due.
const DUE: &str = " left join due d on d.connection_id = i.connection_id and d.mapping_id = i.mapping_id and d.profile_id = i.profile_id";

impl SqlStore {
    pub(super) async fn page_of_issues(
        &self,
        connection: ConnectionId,
        filter: &IssueFilter,
        after: Option<IssueId>,
        limit: u32,
    ) -> Result<Vec<ListedIssue>, Failure> {
        let mut query = QueryBuilder::<Db>::new(
            "-- issues\nselect i.*, p.attributes, cast(case when d.profile_id is null then 0 else 1 end as bigint) as waiting",
        );
        query.push(ISSUES).push(DUE);
        push_conditions(&mut query, connection, filter);
        if let Some(after) = after {
            query.push(" and i.id < ").push_bind(after.to_string());
        }
        query.push(" order by i.id desc limit ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(self.reader()).await?;
        let listed = rows.iter().map(|row| {
            let attributes = get::<Option<&str>>(row, "attributes")?.map(serde_json::from_str).transpose()?;
            let waiting = flag(row, "waiting")?;
            Ok(ListedIssue { issue: row::issue(row)?, waiting, attributes: attributes.unwrap_or_default() })
        });
        listed.collect()
    }

    pub(super) async fn grouped_issues(
        &self,
        connection: ConnectionId,
        filter: &IssueFilter,
    ) -> Result<Vec<IssueGroup>, Failure> {
        let mut tx = self.read().await?;
        let mut query = QueryBuilder::<Db>::new(
            "-- issue groups\nselect max(i.id) as sample, count(*) as issues, count(d.profile_id) as waiting, \
             min(i.first_at) as first_at, max(i.last_at) as last_at",
        );
        query.push(ISSUES).push(DUE);
        push_conditions(&mut query, connection, filter);
        query.push(" group by i.mapping_id, i.kind, i.code, i.field");
        let counted = query.build().fetch_all(&mut *tx).await?;
        let ids = counted.iter().map(|row| text(row, "sample")).collect::<Result<Vec<_>, _>>()?;
        // By itself: within one statement SQLite counts the groups anew for every issue.
        let mut samples = BTreeMap::new();
        for some in ids.chunks(ROWS_MAX) {
            let mut query = QueryBuilder::<Db>::new(
                "-- samples of issue groups\nselect i.*, m.position from sync_issue i \
                 join object_mapping m on m.connection_id = i.connection_id and m.id = i.mapping_id where i.connection_id = ",
            );
            query.push_bind(connection.to_string()).push(" and i.id in (");
            let mut ids = query.separated(", ");
            for id in some {
                ids.push_bind(id.clone());
            }
            query.push(")");
            for row in query.build().fetch_all(&mut *tx).await? {
                samples.insert(text(&row, "id")?, (get::<i64>(&row, "position")?, row::issue(&row)?));
            }
        }
        let mut groups = Vec::new();
        for row in counted {
            let Some((position, sample)) = samples.remove(&text(&row, "sample")?) else { continue };
            let group = IssueGroup {
                sample,
                issues: get::<i64>(&row, "issues")?.try_into()?,
                waiting: get::<i64>(&row, "waiting")?.try_into()?,
                first_at: row::time(&row, "first_at")?,
                last_at: row::time(&row, "last_at")?,
            };
            groups.push((IssueGroupKey::of(position, &group.sample), group));
        }
        // Here, since the databases order texts in ways of their own.
        groups.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(groups.into_iter().map(|(_, group)| group).collect())
    }

    pub(super) async fn try_issues_again(
        &self,
        connection: ConnectionId,
        filter: &IssueFilter,
    ) -> Result<Retried, Failure> {
        let (mut unit, _) = self.begin_on_connection(connection).await?;
        let issues = unit.count_issues(connection, filter, |_| true).await?;
        if issues == 0 {
            return Ok(Retried::default());
        }
        unit.forget_look_ups(connection, filter).await?;
        let items = unit.mark_issues_due(connection, filter).await?;
        if unit.count_issues(connection, filter, IssueKind::is_by_description).await? > 0 {
            unit.want_examination(connection).await?;
        }
        unit.commit().await?;
        Ok(Retried { issues, items })
    }
}

impl Unit<'_> {
    async fn count_issues(
        &mut self,
        connection: ConnectionId,
        filter: &IssueFilter,
        of: fn(IssueKind) -> bool,
    ) -> Result<u64, Failure> {
        let mut query = QueryBuilder::<Db>::new("-- count issues\nselect count(*)");
        query.push(ISSUES);
        push_conditions(&mut query, connection, filter);
        push_kinds(&mut query, of);
        Ok(u64::try_from(query.build_query_scalar::<i64>().fetch_one(&mut *self.tx).await?)?)
    }

    /// What look-ups told is not the last word for the items whose issues come from them.
    async fn forget_look_ups(&mut self, connection: ConnectionId, filter: &IssueFilter) -> Result<(), Failure> {
        let mut query = QueryBuilder::<Db>::new(
            "-- look up again\nupdate link set searched = 0 where match_key is not null and connection_id = ",
        );
        query
            .push_bind(connection.to_string())
            .push(" and (mapping_id, profile_id) in (select i.mapping_id, i.profile_id");
        query.push(ISSUES);
        push_conditions(&mut query, connection, filter);
        push_kinds(&mut query, IssueKind::is_by_look_up);
        query.push(")");
        query.build().execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn mark_issues_due(&mut self, connection: ConnectionId, filter: &IssueFilter) -> Result<u64, Failure> {
        let mut query = QueryBuilder::<Db>::new(
            "-- retry issues\ninsert into due (connection_id, mapping_id, profile_id, lane, generation, due_at, attempts) \
             select distinct i.connection_id, i.mapping_id, i.profile_id, ",
        );
        query.push_bind(i64::from(Lane::Remote.as_i16())).push(", ").push_bind(self.generation).push(", ");
        query.push_bind(self.now_ms()).push(", ").push_bind(0_i64);
        query.push(ISSUES);
        push_conditions(&mut query, connection, filter);
        query.push(DUE_AGAIN);
        let marked = query.build().execute(&mut *self.tx).await?.rows_affected();
        self.raised.work = true;
        self.raised.view = true;
        Ok(marked)
    }
}

fn push_kinds(query: &mut QueryBuilder<Db>, of: fn(IssueKind) -> bool) {
    query.push(" and i.kind in (");
    let mut kinds = query.separated(", ");
    for kind in IssueKind::ALL.into_iter().filter(|kind| of(*kind)) {
        kinds.push_bind(kind.as_str());
    }
    query.push(")");
}

fn push_conditions(query: &mut QueryBuilder<Db>, connection: ConnectionId, filter: &IssueFilter) {
    query.push(" where i.connection_id = ").push_bind(connection.to_string());
    let IssueFilter { id, mappings, kind, code, field, profile, search } = filter;
    if let Some(id) = id {
        query.push(" and i.id = ").push_bind(id.to_string());
    }
    if let Some(mappings) = mappings {
        // No mapping has the empty id: a list of none is no list in SQL.
        query.push(" and i.mapping_id in (''");
        for mapping in mappings {
            query.push(", ").push_bind(mapping.to_string());
        }
        query.push(")");
    }
    if let Some(kind) = kind {
        query.push(" and i.kind = ").push_bind(kind.as_str());
    }
    if let Some(code) = code {
        query.push(" and i.code = ").push_bind(without_zero(code));
    }
    if let Some(field) = field {
        query.push(" and coalesce(i.field, '') = ").push_bind(without_zero(field));
    }
    if let Some((kind, id)) = profile {
        query.push(" and i.profile_kind = ").push_bind(kind.as_str());
        query.push(" and i.profile_id = ").push_bind(without_zero(id));
    }
    if let Some(words) = search.as_deref().and_then(words_of) {
        let pattern = containing(&words);
        query.push(" and (p.search like ").push_bind(pattern.clone()).push(" escape '\\'");
        for column in ["i.profile_id", "i.record_id", "i.field", "i.code", "i.cause"] {
            query.push(" or lower(").push(column).push(") like ").push_bind(pattern.clone()).push(" escape '\\'");
        }
        query.push(")");
    }
}

/// PostgreSQL takes no text with U+0000, and no stored one has it.
fn without_zero(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
