//! Misbehaviour of the event bus that can be switched on while the org runs, and what can be done to it once.
//!
//! What is switched stands in the org's faults; [`super::bus`] and [`super::subscription`] obey it.

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;

use crate::OrgHandle;
use crate::core::WriteContext;

/// Streams that may be open at one time unless said otherwise (Pub/Sub API guide, "Allocations").
const STREAMS_MAX: usize = 1_000;

/// How the event bus misbehaves. The default is not at all.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventFaults {
    /// A subscription from LATEST misses what is committed in its first so many milliseconds, as routing takes a while.
    pub latest_blind_ms: u32,
    /// Every so many-th event of a stream comes twice; 0 for none.
    pub duplicate_every: u64,
    /// Every stream ends once it delivered so many events; 0 for never.
    pub end_stream_after: u64,
    /// Whether streams that end so, end with UNAVAILABLE.
    pub end_unavailable: bool,
    /// Every call is answered with UNAVAILABLE.
    pub unavailable: bool,
    /// Every so many-th event of an object whose fields changed is written with the schema from before; 0 for none.
    pub old_schema_every: u64,
    /// Streams that may be open at one time, if not Salesforce's 1,000.
    pub streams_max: Option<usize>,
    /// Every subscription is refused with this.
    pub refusal: Option<Refusal>,
    /// How long a stream goes by the permissions that it found. Salesforce: up to 10 minutes; here none unless said.
    pub permission_cache_ms: u32,
}

impl EventFaults {
    pub(crate) fn streams_max(&self) -> usize {
        self.streams_max.unwrap_or(STREAMS_MAX)
    }
}

/// How streams end that the org ends.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamEnd {
    /// As if there were nothing more to come, which Salesforce does now and then.
    #[default]
    Clean,
    /// With UNAVAILABLE.
    Unavailable,
    /// Not to be seen: it stays open and gives signs of life, but tells of nothing any more.
    Deaf,
}

/// Something done to the event bus once.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum EventAction {
    /// Ends every open stream.
    EndStreams {
        /// How.
        #[serde(default)]
        how: StreamEnd,
    },
    /// Forgets every event and every position.
    ForgetReplayIds,
    /// Moves the org to another instance: forgets as above, numbers anew, and ends every stream.
    Migrate,
    /// Tells the next commits of an object without their values.
    MakeGaps {
        /// API name.
        object: String,
        /// So many of them.
        commits: u32,
    },
    /// Tells that any record of an object may have changed.
    AnnounceConversion {
        /// API name.
        object: String,
    },
    /// Tells so many changes of one transaction one by one and the rest as an overflow.
    SetOverflowAfter {
        /// So many.
        changes: usize,
    },
    /// Sets how many objects may be selected for change data capture; `null` as with the add-on.
    SetCapturedEntitiesMax {
        /// So many.
        entities: Option<usize>,
    },
    /// Sets how many events may be delivered in 24 hours, all subscribers together; `null` for no limit.
    SetDailyDeliveriesMax {
        /// So many.
        events: Option<u64>,
    },
}

impl OrgHandle {
    /// Does something to the event bus.
    pub fn act_on_events(&self, action: EventAction) {
        let now_ms = self.now_ms();
        match action {
            EventAction::EndStreams { how } => self.end_streams(how),
            EventAction::ForgetReplayIds => self.change(|org| org.forget_events()),
            EventAction::Migrate => {
                self.change(|org| org.migrate());
                self.end_streams(StreamEnd::Unavailable);
            }
            EventAction::MakeGaps { object, commits } => self.change(|org| org.make_gaps(&object, commits)),
            EventAction::AnnounceConversion { object } => self.change(|org| {
                let user_id = org.admin_user_id().to_owned();
                org.announce_conversion(&WriteContext { user_id, change_origin: String::new(), now_ms }, &object);
            }),
            EventAction::SetOverflowAfter { changes } => self.change(|org| org.set_overflow_after(changes)),
            EventAction::SetCapturedEntitiesMax { entities } => {
                self.change(|org| org.set_captured_entities_max(entities));
            }
            EventAction::SetDailyDeliveriesMax { events } => self.change(|org| org.set_daily_deliveries_max(events)),
        }
    }
}
