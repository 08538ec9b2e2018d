//! Examining a connection: what the connector finds out in the org, and what the engine knows by itself.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use syncline_model::{
    connection::Connection,
    connector::{Connector, ConnectorError, ExaminedObject},
    examination::{Examination, Finding, Verdict},
    feed::{Feed, FeedWay},
    id::MappingId,
    issue::{IssueFilter, IssueGroup, IssueKind},
    mapping::ObjectMapping,
    store::StoreError,
};

use crate::{budget::Budget, context::EngineOptions, error_policy::words, owner};

/// How long an examination by itself may hold the connection.
const LEASE_TTL_MS: i64 = 120_000;

/// What the engine knows of a connection by itself.
pub(crate) struct Own {
    pub(crate) feeds: Vec<Feed>,
    pub(crate) issues: Vec<IssueGroup>,
    pub(crate) budget: Budget,
}

/// Why a connection could not be examined.
#[derive(Debug)]
pub enum ExamineError {
    /// A running server has the connection: ask it, through the store.
    Owned,
    /// The store failed.
    Store(StoreError),
    /// The connection's credentials or addresses will not do.
    Connector(ConnectorError),
}

impl std::fmt::Display for ExamineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Owned => f.write_str("a running server works on the connection"),
            Self::Store(error) => error.fmt(f),
            Self::Connector(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ExamineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Owned => None,
            Self::Store(error) => error.source(),
            Self::Connector(error) => error.source(),
        }
    }
}

impl From<StoreError> for ExamineError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Examines a connection that no server works on, and keeps what was found. `options.node` must not be the name of a server, which
/// would take its lease away.
///
/// # Errors
/// [`ExamineError::Owned`] where a server works on it after all.
pub async fn examine_once(options: &EngineOptions, connection: &Connection) -> Result<Examination, ExamineError> {
    let store = &options.store;
    let Some(lease) = store.acquire_lease(connection.id, &options.node, LEASE_TTL_MS).await? else {
        return Err(ExamineError::Owned);
    };
    let connector = match options.connectors.open(connection).await {
        Ok(connector) => connector,
        Err(error) => {
            owner::leave(options, &lease, None).await;
            return Err(ExamineError::Connector(error));
        }
    };
    let examined = async {
        let mappings = store.mappings(connection.id).await?;
        let own = Own {
            // Nobody notices changes while no server runs: what was said of it last is no finding.
            feeds: Vec::new(),
            issues: store.issue_groups(connection.id, &IssueFilter::default()).await?,
            budget: Budget {
                hours: store.api_calls(connection.id).await?,
                usage: connection.api_usage,
                share: connection.api_share,
            },
        };
        let requests = store.examination_requests(connection.id).await?;
        let (examination, _) = examine(connector.as_ref(), &mappings, own, || options.clock.now()).await;
        store.save_examination(&lease, &examination, requests).await?;
        Ok(examination)
    };
    let examination = examined.await;
    owner::leave(options, &lease, Some(connector.as_ref())).await;
    examination
}

/// Examines; what could not be looked at is a finding as well, and the error besides.
pub(crate) async fn examine(
    connector: &dyn Connector,
    mappings: &[ObjectMapping],
    own: Own,
    now: impl Fn() -> Timestamp,
) -> (Examination, Option<ConnectorError>) {
    let (mut findings, failure) = match connector.examine(&examined_objects(mappings)).await {
        Ok(findings) => (findings, None),
        Err(error) => (vec![not_examined(&error)], Some(error)),
    };
    let at = now();
    findings.extend(own_findings(&own, mappings, at));
    (Examination { at, findings }, failure)
}

fn not_examined(error: &ConnectorError) -> Finding {
    let words = words(error);
    Finding {
        check: "reachable".to_owned(),
        subject: None,
        verdict: Verdict::Problem,
        message: format!("The org could not be examined: {} ({error}).", words.cause),
        remedy: Some(words.remedy.to_owned()),
    }
}

/// Each mapped object once, with all that mappings read and write of it.
fn examined_objects(mappings: &[ObjectMapping]) -> Vec<ExaminedObject> {
    let mut objects: Vec<ExaminedObject> = Vec::new();
    for mapping in mappings {
        let definition = &mapping.definition;
        let key_field = &definition.match_rule.salesforce;
        let same = |object: &ExaminedObject| object.object == definition.salesforce && object.key_field == *key_field;
        let index = match objects.iter().position(same) {
            Some(index) => index,
            None => {
                objects.push(ExaminedObject {
                    object: definition.salesforce.clone(),
                    key_field: key_field.clone(),
                    read: Vec::new(),
                    written: Vec::new(),
                });
                objects.len() - 1
            }
        };
        let object = &mut objects[index];
        // What a path leads to is told where it leads nowhere, by the items that need it.
        let own = definition.inbound.iter().filter(|line| !line.from.contains('.'));
        object.read.extend(own.map(|line| line.from.clone()));
        object.written.extend(definition.outbound.iter().map(|line| line.to.clone()));
        for fields in [&mut object.read, &mut object.written] {
            fields.sort_unstable();
            fields.dedup();
        }
    }
    objects
}

/// What the engine finds by itself.
fn own_findings(own: &Own, mappings: &[ObjectMapping], now: Timestamp) -> Vec<Finding> {
    let mut findings: Vec<_> = own.feeds.iter().map(feed_finding).collect();
    findings.extend(duplicates(&own.issues, mappings));
    findings.extend(budget_finding(&own.budget, now));
    findings
}

fn feed_finding(feed: &Feed) -> Finding {
    let (verdict, message, remedy) = match (feed.way, &feed.reason) {
        (FeedWay::Stream, _) => (Verdict::Good, "Changes come by the change stream.".to_owned(), None),
        (FeedWay::Polling, reason) => {
            let delay = SignedDuration::from_millis(feed.expected_delay_ms).as_secs().max(1);
            let message =
                format!("Changes are asked for, every {delay} s, because the change stream does not tell of them.");
            (Verdict::Warning, message, reason.clone())
        }
    };
    Finding { check: "change_feed".to_owned(), subject: Some(feed.object.clone()), verdict, message, remedy }
}

/// Keys that several records have, as met so far.
fn duplicates(issues: &[IssueGroup], mappings: &[ObjectMapping]) -> Vec<Finding> {
    let mut met: BTreeMap<MappingId, u64> = BTreeMap::new();
    for group in issues.iter().filter(|group| group.sample.issue.kind == IssueKind::AmbiguousKey) {
        *met.entry(group.sample.mapping_id).or_default() += group.issues;
    }
    let findings = mappings.iter().filter_map(|mapping| {
        let count = met.get(&mapping.id)?;
        let definition = &mapping.definition;
        Some(Finding {
            check: "ambiguous_keys".to_owned(),
            subject: Some(definition.salesforce.clone()),
            verdict: Verdict::Warning,
            message: format!(
                "{count} of the profiles match several records of {} by {}.",
                definition.salesforce, definition.match_rule.salesforce
            ),
            remedy: Some("Merge the duplicates in Salesforce; the sync issues name each of them.".to_owned()),
        })
    });
    findings.collect()
}

fn budget_finding(budget: &Budget, now: Timestamp) -> Option<Finding> {
    let (allowance, used) = (budget.allowance()?, budget.used(now));
    let (verdict, message, remedy) = match budget.runs_out(now) {
        None => (
            Verdict::Good,
            format!(
                "Syncline used {used} of its {allowance} calls of the last 24 hours, which last at the present rate."
            ),
            None,
        ),
        Some(at) => (
            Verdict::Warning,
            format!(
                "Syncline used {used} of its {allowance} calls of the last 24 hours; at the present rate they are used up at {}.",
                at.strftime("%Y-%m-%d %H:%M UTC")
            ),
            Some("Raise Syncline's share of the org's calls, or see which other integrations call the org.".to_owned()),
        ),
    };
    Some(Finding { check: "api_budget".to_owned(), subject: None, verdict, message, remedy })
}
