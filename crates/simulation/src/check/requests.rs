//! What was asked of the org: S9 (no stream begins at the newest event), S14 (refresh tokens), S18 (limits are kept to), S26 (nothing
//! is made twice because an answer was lost).

use std::collections::BTreeMap;

use syncline_org::LedgerEntry;

use super::Report;
use crate::{evidence::Evidence, node::tempo, schedule::GrantKind};

const TOKENS: &str = "CK-RTR";
const QUOTA: &str = "CK-QUOTA";
const CURSOR: &str = "CK-CURSOR";
const REPEATS: &str = "CK-REPEAT";

const TOKEN_PATH: &str = "/services/oauth2/token";
/// Lanes that may each have a call under way when the day's calls are used up.
const LANES: usize = 6;
/// An answer is on its way so long before anybody can go by it.
const UNDER_WAY_MS: i64 = 100;
/// Calls that belong to steps which had begun, each in its own lane: an errand describes up to five objects one after the other and
/// lists them, the remote lane looks up, reads and writes, a sweep asks once more, the channel is looked at.
const CHAIN: usize = 12;

fn is_ours(evidence: &Evidence, entry: &LedgerEntry) -> bool {
    entry.client_id.as_deref() == Some(evidence.client_id.as_str())
}

/// S9: what is not known yet is asked for from the oldest event on.
pub(crate) fn starts_nowhere_late(report: &mut Report, evidence: &Evidence) {
    for entry in evidence.ledger.iter().filter(|entry| entry.path.ends_with("/Subscribe")) {
        report.examine(CURSOR, !entry.uri.ends_with("from=LATEST"), || {
            format!("a stream began at the newest event: {}", entry.uri)
        });
    }
}

/// S14: one renewal at a time, and a refresh token that was answered is not presented again; but for a process that died between
/// the answer and its being kept, which can not know (O2), and presents it once.
pub(crate) fn tokens_used_once(report: &mut Report, evidence: &Evidence, grant: GrantKind, deaths: u64) {
    let asked: Vec<&LedgerEntry> = evidence
        .ledger
        .iter()
        .filter(|entry| entry.path == TOKEN_PATH && entry.method == "POST" && is_ours(evidence, entry))
        .collect();
    for pair in asked.windows(2) {
        let ended_ms = pair[0].answered_ms.unwrap_or(pair[0].at_ms);
        report.examine(TOKENS, pair[1].started_ms >= ended_ms, || {
            format!(
                "renewal {} began at {} ms while {} was under way until {ended_ms} ms",
                pair[1].number, pair[1].started_ms, pair[0].number
            )
        });
    }
    if grant == GrantKind::ClientCredentials {
        return;
    }
    let mut unknowing = deaths;
    let mut spent: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in asked {
        let Some(token) = entry.token.as_deref() else { continue };
        let is_spent = spent.contains_key(token) && unknowing == 0;
        unknowing -= u64::from(spent.contains_key(token)).min(unknowing);
        report.examine(TOKENS, !is_spent, || {
            format!("request {} presents a refresh token that request {} had spent", entry.number, spent[token])
        });
        if entry.status == 200 && entry.answered_ms.is_some() {
            spent.insert(token, entry.number);
        }
    }
}

/// S18: one answer that the day's calls are used up gives rest to all lanes. What was under way ends, and so may a chain of calls that
/// had begun; a process that is new, or was connected anew, can not know (`forgets`), so then only the answers are counted.
pub(crate) fn quota_kept(report: &mut Report, evidence: &Evidence, forgets: bool) {
    let is_call = |entry: &&LedgerEntry| entry.method != "RPC" && entry.path != TOKEN_PATH;
    let calls: Vec<&LedgerEntry> =
        evidence.ledger.iter().filter(is_call).filter(|entry| is_ours(evidence, entry) || is_limit(entry)).collect();
    let rest_ms = i64::try_from(tempo().rest_quota.as_millis()).unwrap_or(i64::MAX) * 8 / 10;
    let limits: Vec<i64> = calls.iter().filter(|entry| is_limit(entry)).filter_map(|entry| entry.answered_ms).collect();
    for limit_ms in &limits {
        let again = limits.iter().filter(|other_ms| (*limit_ms..limit_ms + rest_ms).contains(*other_ms)).count();
        report.examine(QUOTA, again <= LANES, || {
            format!(
                "the org said {again} times within {rest_ms} ms from {limit_ms} ms on that the day's calls are used up"
            )
        });
        let rest = limit_ms + UNDER_WAY_MS..limit_ms + rest_ms;
        // What was refused for its session is sent again with a new one: the same call.
        let is_sent_again = |call: &LedgerEntry| call.status == 401;
        let begun = calls.iter().filter(|call| rest.contains(&call.started_ms) && !is_sent_again(call)).count();
        report.examine(QUOTA, forgets || begun <= CHAIN, || {
            format!("{begun} calls began within {rest_ms} ms from {limit_ms} ms on, when the day's calls were used up")
        });
    }
    report.examine(QUOTA, calls.len() < 5_000, || format!("{} calls in one run", calls.len()));
}

fn is_limit(entry: &LedgerEntry) -> bool {
    // The ledger has the code and not the words; the fault says the day's limit with this length and no other does.
    entry.error_code.as_deref() == Some("REQUEST_LIMIT_EXCEEDED") && entry.bytes_out == Some(DAILY_LIMIT_BYTES)
}

/// Length of the answer that says so.
const DAILY_LIMIT_BYTES: u64 =
    r#"[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#.len() as u64;

/// S26: what makes something is not sent again before somebody has looked.
pub(crate) fn nothing_made_twice(report: &mut Report, evidence: &Evidence) {
    let mut unknown: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in evidence.ledger.iter().filter(|entry| is_ours(evidence, entry)) {
        let makes = entry.method == "POST" && entry.path.contains("sobjects");
        let looks = entry.method == "GET" && (entry.path.contains("query") || entry.path.contains("tooling"));
        if looks {
            unknown.clear();
        }
        if makes {
            report.examine(REPEATS, !unknown.contains_key(entry.uri.as_str()), || {
                format!(
                    "request {} repeats {}, whose outcome nobody looked up: {}",
                    entry.number,
                    unknown[entry.uri.as_str()],
                    entry.uri
                )
            });
            if entry.answered_ms.is_none() {
                unknown.insert(&entry.uri, entry.number);
            }
        }
    }
    // Runs that make nothing have nothing to repeat.
    report.examine(REPEATS, true, String::new);
}
