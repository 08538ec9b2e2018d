//! What screens and commands ask.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use sqlx::QueryBuilder;
use syncline_model::{
    attribute::AttributeDefinition,
    connection::{Connection, ConnectionStatus, OrgIdentity},
    custom_field::WantedField,
    examination::Examination,
    feed::Feed,
    id::{ConnectionId, EnvironmentId, InquiryId, IssueId, MappingId, MemberId},
    inquiry::{Answer, Question},
    issue::{IssueFilter, IssueGroup, ListedIssue, Retried},
    mapping::{MappingDefinition, ObjectMapping},
    profile::{Environment, ProfileKind},
    schema::ListedObject,
    store::{AdminStore, Authorization, Counts, KeyKind, LinkView, Member, StoreError},
    work::Standing,
};

use super::{
    Db, row,
    store::{SqlStore, groups},
};
use crate::failure::{Failure, is_taken};

/// Name of the table in what binds a sealed verifier to its row.
const AUTHORIZATION_REQUEST: &str = "authorization_request";

#[async_trait]
impl AdminStore for SqlStore {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.ask_for_answer().await?)
    }

    async fn environments(&self) -> Result<Vec<Environment>, StoreError> {
        Ok(self.all_environments().await?)
    }

    async fn add_member(&self, email: &str, name: &str, password_hash: &str) -> Result<MemberId, StoreError> {
        Ok(self.new_member(email, name, password_hash).await?)
    }

    async fn member_by_email(&self, email: &str) -> Result<Option<Member>, StoreError> {
        Ok(self.member_of_address(email).await?)
    }

    async fn add_session(&self, token_hash: &[u8], member: MemberId, expires_at: Timestamp) -> Result<(), StoreError> {
        Ok(self.new_session(token_hash, member, expires_at).await?)
    }

    async fn session_member(&self, token_hash: &[u8]) -> Result<Option<Member>, StoreError> {
        Ok(self.member_of_session(token_hash).await?)
    }

    async fn remove_session(&self, token_hash: &[u8]) -> Result<(), StoreError> {
        Ok(self.end_session(token_hash).await?)
    }

    async fn add_key(&self, environment: EnvironmentId, kind: KeyKind, hash: &[u8]) -> Result<(), StoreError> {
        Ok(self.new_key(environment, kind, hash).await?)
    }

    async fn key_environment(&self, kind: KeyKind, hash: &[u8]) -> Result<Option<EnvironmentId>, StoreError> {
        Ok(self.environment_of_key(kind, hash).await?)
    }

    async fn add_authorization(
        &self,
        state_hash: &[u8],
        authorization: &Authorization,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        Ok(self.begin_authorization(state_hash, authorization, expires_at).await?)
    }

    async fn take_authorization(&self, state_hash: &[u8]) -> Result<Option<Authorization>, StoreError> {
        Ok(self.end_authorization(state_hash).await?)
    }

    async fn connection(&self, environment: EnvironmentId) -> Result<Option<Connection>, StoreError> {
        Ok(self.connection_of(environment).await?)
    }

    async fn connect(
        &self,
        environment: EnvironmentId,
        org: &OrgIdentity,
        credentials: &SecretString,
    ) -> Result<ConnectionId, StoreError> {
        Ok(self.connect_org(environment, org, credentials).await?)
    }

    async fn disconnect(&self, connection: ConnectionId) -> Result<ConnectionStatus, StoreError> {
        Ok(self.disconnect_org(connection).await?)
    }

    async fn pause(&self, connection: ConnectionId) -> Result<(), StoreError> {
        Ok(self.pause_connection(connection).await?)
    }

    async fn resume(&self, connection: ConnectionId) -> Result<(), StoreError> {
        Ok(self.resume_connection(connection).await?)
    }

    async fn is_owned(&self, connection: ConnectionId) -> Result<bool, StoreError> {
        Ok(self.is_lease_held(connection).await?)
    }

    async fn set_api_share(&self, connection: ConnectionId, percent: u8) -> Result<(), StoreError> {
        Ok(self.share_calls(connection, percent).await?)
    }

    async fn feeds(&self, connection: ConnectionId) -> Result<Vec<Feed>, StoreError> {
        Ok(self.feeds_of(connection).await?)
    }

    async fn examination(&self, connection: ConnectionId) -> Result<Option<Examination>, StoreError> {
        Ok(self.last_examination(connection).await?)
    }

    async fn request_examination(&self, connection: ConnectionId) -> Result<(), StoreError> {
        Ok(self.ask_for_examination(connection).await?)
    }

    async fn object_list(&self, connection: ConnectionId) -> Result<Vec<ListedObject>, StoreError> {
        Ok(self.listed_objects(connection).await?)
    }

    async fn connection_status(&self, connection: ConnectionId) -> Result<ConnectionStatus, StoreError> {
        Ok(self.settled_status(connection).await?)
    }

    async fn inquire(&self, connection: ConnectionId, question: &Question) -> Result<InquiryId, StoreError> {
        Ok(self.ask(connection, question).await?)
    }

    async fn take_answer(&self, connection: ConnectionId, inquiry: InquiryId) -> Result<Option<Answer>, StoreError> {
        Ok(self.take(connection, inquiry).await?)
    }

    async fn forget_inquiry(&self, connection: ConnectionId, inquiry: InquiryId) -> Result<(), StoreError> {
        Ok(self.drop_inquiry(connection, inquiry).await?)
    }

    async fn credentials(&self, connection: ConnectionId) -> Result<Option<(SecretString, i64)>, StoreError> {
        Ok(self.opened_credentials(connection).await?)
    }

    async fn save_credentials(
        &self,
        connection: ConnectionId,
        epoch: i64,
        credentials: &SecretString,
        instance_url: Option<&str>,
    ) -> Result<(), StoreError> {
        Ok(self.replace_credentials(connection, epoch, credentials, instance_url).await?)
    }

    async fn forget_credentials(&self, connection: ConnectionId, epoch: i64) -> Result<(), StoreError> {
        Ok(self.delete_credentials(connection, epoch).await?)
    }

    async fn save_mapping(
        &self,
        connection: ConnectionId,
        mapping: Option<MappingId>,
        definition: &MappingDefinition,
        targets: &[AttributeDefinition],
        fields: &[WantedField],
    ) -> Result<ObjectMapping, StoreError> {
        Ok(self.put_mapping(connection, mapping, definition, targets, fields).await?)
    }

    async fn order_mappings(&self, connection: ConnectionId, order: &[MappingId]) -> Result<(), StoreError> {
        Ok(self.place_mappings(connection, order).await?)
    }

    async fn pause_mapping(
        &self,
        connection: ConnectionId,
        mapping: MappingId,
        paused: bool,
    ) -> Result<(), StoreError> {
        Ok(self.set_paused(connection, mapping, paused).await?)
    }

    async fn delete_mapping(&self, connection: ConnectionId, mapping: MappingId) -> Result<(), StoreError> {
        Ok(self.drop_mapping(connection, mapping).await?)
    }

    async fn counts(&self, connection: ConnectionId, mapping: Option<MappingId>) -> Result<Counts, StoreError> {
        Ok(self.count_parts(connection, mapping).await?)
    }

    async fn links(
        &self,
        connection: ConnectionId,
        kind: ProfileKind,
        profiles: &[String],
    ) -> Result<Vec<LinkView>, StoreError> {
        Ok(self.links_of_profiles(connection, kind, profiles).await?)
    }

    async fn linked_profiles(
        &self,
        connection: ConnectionId,
        mapping: MappingId,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        Ok(self.profiles_linked_by(connection, mapping, limit).await?)
    }

    async fn standing(
        &self,
        connection: ConnectionId,
        kind: ProfileKind,
        profile: &str,
    ) -> Result<Vec<Standing>, StoreError> {
        Ok(self.items_of_profile(connection, kind, profile).await?)
    }

    async fn sync_profile(
        &self,
        connection: ConnectionId,
        kind: ProfileKind,
        profile: &str,
    ) -> Result<u64, StoreError> {
        Ok(self.renew_items(connection, kind, profile).await?)
    }

    async fn profiles_of_record(
        &self,
        connection: ConnectionId,
        record: &str,
    ) -> Result<Vec<(ProfileKind, String)>, StoreError> {
        Ok(self.linked_profiles(connection, record).await?)
    }

    async fn issues(
        &self,
        connection: ConnectionId,
        filter: &IssueFilter,
        after: Option<IssueId>,
        limit: u32,
    ) -> Result<Vec<ListedIssue>, StoreError> {
        Ok(self.page_of_issues(connection, filter, after, limit).await?)
    }

    async fn issue_groups(
        &self,
        connection: ConnectionId,
        filter: &IssueFilter,
    ) -> Result<Vec<IssueGroup>, StoreError> {
        Ok(self.grouped_issues(connection, filter).await?)
    }

    async fn retry_issues(&self, connection: ConnectionId, filter: &IssueFilter) -> Result<Retried, StoreError> {
        Ok(self.try_issues_again(connection, filter).await?)
    }
}

impl SqlStore {
    async fn ask_for_answer(&self) -> Result<(), Failure> {
        sqlx::query("-- ping\nselect id from environment limit 1").fetch_optional(self.reader()).await?;
        Ok(())
    }

    async fn all_environments(&self) -> Result<Vec<Environment>, Failure> {
        let rows = sqlx::query("-- environments\nselect id, name, created_at from environment order by created_at, id")
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(row::environment).collect()
    }

    async fn new_member(&self, email: &str, name: &str, password_hash: &str) -> Result<MemberId, Failure> {
        let id = MemberId::new(self.clock.now());
        sqlx::query(
            "-- add member
            insert into member (id, email, name, password_hash, created_at) values ($1, $2, $3, $4, $5)",
        )
        .bind(id.to_string())
        .bind(address(email))
        .bind(name)
        .bind(password_hash)
        .bind(self.clock.now().as_millisecond())
        .execute(self.writer())
        .await
        .map_err(|error| match is_taken(&error) {
            true => StoreError::Conflict(format!("a member with the address {} exists already", address(email))).into(),
            false => Failure::from(error),
        })?;
        Ok(id)
    }

    async fn member_of_address(&self, email: &str) -> Result<Option<Member>, Failure> {
        let found = sqlx::query("-- member by address\nselect * from member where email = $1")
            .bind(address(email).replace('\0', "\u{fffd}"))
            .fetch_optional(self.reader())
            .await?;
        found.as_ref().map(row::member).transpose()
    }

    async fn new_session(&self, token_hash: &[u8], member: MemberId, expires_at: Timestamp) -> Result<(), Failure> {
        let mut unit = self.begin().await?;
        sqlx::query("-- drop old sessions\ndelete from session where expires_at <= $1")
            .bind(unit.now_ms())
            .execute(&mut *unit.tx)
            .await?;
        sqlx::query("-- add session\ninsert into session (token_hash, member_id, expires_at) values ($1, $2, $3)")
            .bind(token_hash)
            .bind(member.to_string())
            .bind(expires_at.as_millisecond())
            .execute(&mut *unit.tx)
            .await?;
        unit.commit().await
    }

    async fn member_of_session(&self, token_hash: &[u8]) -> Result<Option<Member>, Failure> {
        let found = sqlx::query(
            "-- member of session
            select m.* from session s join member m on m.id = s.member_id where s.token_hash = $1 and s.expires_at > $2",
        )
        .bind(token_hash)
        .bind(self.clock.now().as_millisecond())
        .fetch_optional(self.reader())
        .await?;
        found.as_ref().map(row::member).transpose()
    }

    async fn end_session(&self, token_hash: &[u8]) -> Result<(), Failure> {
        sqlx::query("-- end session\ndelete from session where token_hash = $1")
            .bind(token_hash)
            .execute(self.writer())
            .await?;
        Ok(())
    }

    async fn new_key(&self, environment: EnvironmentId, kind: KeyKind, hash: &[u8]) -> Result<(), Failure> {
        sqlx::query("-- add key\ninsert into api_key (hash, kind, environment_id, created_at) values ($1, $2, $3, $4)")
            .bind(hash)
            .bind(kind.as_str())
            .bind(environment.to_string())
            .bind(self.clock.now().as_millisecond())
            .execute(self.writer())
            .await?;
        Ok(())
    }

    async fn environment_of_key(&self, kind: KeyKind, hash: &[u8]) -> Result<Option<EnvironmentId>, Failure> {
        let found: Option<String> = sqlx::query_scalar(
            "-- environment of key\nselect environment_id from api_key where hash = $1 and kind = $2",
        )
        .bind(hash)
        .bind(kind.as_str())
        .fetch_optional(self.reader())
        .await?;
        Ok(found.map(|id| id.parse()).transpose()?)
    }

    async fn begin_authorization(
        &self,
        state_hash: &[u8],
        authorization: &Authorization,
        expires_at: Timestamp,
    ) -> Result<(), Failure> {
        let mut unit = self.begin().await?;
        sqlx::query("-- drop old authorizations\ndelete from authorization_request where expires_at <= $1")
            .bind(unit.now_ms())
            .execute(&mut *unit.tx)
            .await?;
        sqlx::query(
            "-- add authorization
            insert into authorization_request (state_hash, environment_id, session_hash, login_url, verifier, expires_at)
            values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(state_hash)
        .bind(authorization.environment_id.to_string())
        .bind(&authorization.session_hash)
        .bind(&authorization.login_url)
        .bind(self.key.seal(AUTHORIZATION_REQUEST, state_hash, &authorization.verifier))
        .bind(expires_at.as_millisecond())
        .execute(&mut *unit.tx)
        .await?;
        unit.commit().await
    }

    async fn end_authorization(&self, state_hash: &[u8]) -> Result<Option<Authorization>, Failure> {
        let taken = sqlx::query("-- take authorization\ndelete from authorization_request where state_hash = $1 and expires_at > $2 returning *")
            .bind(state_hash)
            .bind(self.clock.now().as_millisecond())
            .fetch_optional(self.writer())
            .await?;
        let Some(taken) = taken else { return Ok(None) };
        let verifier: Vec<u8> = row::get(&taken, "verifier")?;
        Ok(Some(Authorization {
            environment_id: row::id(&taken, "environment_id")?,
            session_hash: row::get(&taken, "session_hash")?,
            login_url: row::text(&taken, "login_url")?,
            verifier: self.key.open(AUTHORIZATION_REQUEST, state_hash, &verifier)?,
        }))
    }

    async fn connection_of(&self, environment: EnvironmentId) -> Result<Option<Connection>, Failure> {
        let found = sqlx::query("-- connection of environment\nselect * from connection where environment_id = $1")
            .bind(environment.to_string())
            .fetch_optional(self.reader())
            .await?;
        found.as_ref().map(row::connection).transpose()
    }

    async fn count_parts(&self, connection: ConnectionId, mapping: Option<MappingId>) -> Result<Counts, Failure> {
        let mut tx = self.read().await?;
        let mut counts = [0; 3];
        let parts = [("due", ""), ("link", " and record_id is not null"), ("sync_issue", "")];
        for (count, (table, condition)) in counts.iter_mut().zip(parts) {
            let mut query = QueryBuilder::<Db>::new("-- count\nselect count(*) from ");
            query.push(table).push(" where connection_id = ").push_bind(connection.to_string()).push(condition);
            if let Some(mapping) = mapping {
                query.push(" and mapping_id = ").push_bind(mapping.to_string());
            }
            *count = u64::try_from(query.build_query_scalar::<i64>().fetch_one(&mut *tx).await?)?;
        }
        let [waiting, links, issues] = counts;
        Ok(Counts { waiting, links, issues })
    }

    async fn links_of_profiles(
        &self,
        connection: ConnectionId,
        kind: ProfileKind,
        profiles: &[String],
    ) -> Result<Vec<LinkView>, Failure> {
        let mut links = Vec::new();
        for group in groups(profiles.iter().cloned()) {
            let mut query = QueryBuilder::<Db>::new(
                "-- links of profiles\nselect l.mapping_id, m.profile_kind, l.profile_id, l.object, l.record_id, l.linked_at \
                 from link l join object_mapping m on m.connection_id = l.connection_id and m.id = l.mapping_id \
                 where l.record_id is not null and l.connection_id = ",
            );
            query.push_bind(connection.to_string()).push(" and m.profile_kind = ").push_bind(kind.as_str());
            query.push(" and l.profile_id in (");
            let mut ids = query.separated(", ");
            for id in group {
                ids.push_bind(id);
            }
            query.push(") order by l.profile_id, m.position, m.id");
            for row in query.build().fetch_all(self.reader()).await? {
                links.push(LinkView {
                    mapping_id: row::id(&row, "mapping_id")?,
                    profile_kind: row::word(&row, "profile_kind")?,
                    profile_id: row::text(&row, "profile_id")?,
                    object: row::text(&row, "object")?,
                    record_id: row::text(&row, "record_id")?,
                    linked_at: row::time(&row, "linked_at")?,
                });
            }
        }
        Ok(links)
    }
}

fn address(email: &str) -> String {
    email.trim().to_lowercase()
}
