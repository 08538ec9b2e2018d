//! Work items: (connection, mapping, profile), at most one of each due; and what becomes of them.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use crate::{
    Values,
    id::MappingId,
    issue::NewIssue,
    mapping::MatchKey,
    profile::Profile,
    record::{HeldRecord, Record, RecordKey},
    synced::LastSynced,
};

/// Names a work item within its connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkKey {
    /// The mapping.
    pub mapping_id: MappingId,
    /// The profile.
    pub profile_id: String,
}

/// Which worker takes a due item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// As [`Lane::Local`], but thousands may be due at once, because one record changed that theirs are associated with: it is taken
    /// when nothing else can be done.
    Spread,
    /// It can be done with what is held: no call to Salesforce.
    Local,
    /// It needs a call: a look-up, a read, or a write.
    Remote,
}

impl Lane {
    /// The number that the store uses; an item that is due in both lanes is in the higher one.
    pub fn as_i16(self) -> i16 {
        match self {
            Self::Spread => -1,
            Self::Local => 0,
            Self::Remote => 1,
        }
    }
}

/// A due item with all that is known of its two sides.
#[derive(Clone, Debug)]
pub struct Work {
    /// Which item.
    pub key: WorkKey,
    /// Rises each time the item is marked due; an item is done only if it has not risen meanwhile.
    pub generation: i64,
    /// Since when it is due.
    pub due_at: Timestamp,
    /// How often it has failed in a row.
    pub attempts: i32,
    /// The profile; `None` once it is deleted.
    pub profile: Option<Profile>,
    /// The match key that the profile has now.
    pub match_key: Option<MatchKey>,
    /// Whether Salesforce has been asked for records with that key.
    pub searched: bool,
    /// How many records had the key when Salesforce was asked.
    pub candidates: u32,
    /// Whether there is a link to be ended if there is no record: it was linked, and no settlement has said `unlink` since.
    pub was_linked: bool,
    /// The linked record.
    pub record: Option<HeldRecord>,
    /// Copies of the records that the item was associated with by [`crate::store::SyncStore::associate`].
    pub associated: BTreeMap<RecordKey, Arc<HeldRecord>>,
    /// Whether, of all profiles linked to that record, this is the one last seen: it alone writes to the record.
    pub speaks: bool,
}

/// An item as it stands, due or not.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Both its sides; generation, time and attempts mean nothing where it is not due.
    pub work: Work,
    /// Since when it is linked to its record.
    pub linked_at: Option<Timestamp>,
    /// What its two sides were set to last.
    pub last_synced: LastSynced,
    /// What it waits for; `None` where nothing is left to do.
    pub waiting: Option<Waiting>,
}

/// That an item is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Whether it waits for a call to Salesforce.
    pub needs_call: bool,
    /// Not before that time.
    pub at: Timestamp,
    /// How often it has failed in a row.
    pub attempts: i32,
}

/// What an item is linked to, whether it is due or not.
#[derive(Clone, Debug)]
pub struct Linked {
    /// Which item.
    pub key: WorkKey,
    /// The linked record.
    pub record: HeldRecord,
    /// Copies of the records that the item is associated with.
    pub associated: BTreeMap<RecordKey, Arc<HeldRecord>>,
}

/// What a look-up found for an item.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which item.
    pub key: WorkKey,
    /// The key that was looked up; ignored if the profile's is another by now.
    pub match_key: MatchKey,
    /// How many records had the key.
    pub candidates: u32,
    /// The record that the mapping's rule picked.
    pub record: Option<Record>,
    /// The revision that the held copy of that record had when it was looked up; `None` where none was known of.
    pub asked_at: Option<i64>,
}

/// What became of a due item.
#[derive(Clone, Debug)]
pub struct Finish {
    /// Which item.
    pub key: WorkKey,
    /// As it was when taken.
    pub generation: i64,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a due item.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Both sides agree now, but for the issues named.
    Settled(Settlement),
    /// It needs a call after all: to be taken by [`Lane::Remote`].
    NeedsCall,
    /// To be tried again, not before that time.
    Retry {
        /// When.
        at: Timestamp,
    },
}

/// What values come from, by what they are set to: as the mapping's line names it, or `Title of Lead` where it is another mapping's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Of attributes.
    pub attributes: BTreeMap<String, String>,
    /// Of the record's fields.
    pub fields: BTreeMap<String, String>,
}

/// What settling an item changes here.
#[derive(Clone, Debug, Default)]
pub struct Settlement {
    /// Attributes to set on the profile; null clears.
    pub attributes: Values,
    /// The link ends: the item is linked to no record, and [`Work::was_linked`] is false from now on.
    pub unlink: bool,
    /// Values that Salesforce took, to be kept in the held copy.
    pub written: Values,
    /// What `attributes` and `written` come from.
    pub sources: Sources,
    /// The held copy's revision when the plan was made; `written` is dropped if it has risen, since newer news is held.
    pub record_revision: i64,
    /// Records that the item needs no more of those that it is associated with.
    pub dissociated: Vec<RecordKey>,
    /// All that is wrong with the item; replaces what was.
    pub issues: Vec<NewIssue>,
}
