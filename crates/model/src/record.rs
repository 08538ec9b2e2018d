//! Salesforce records as Syncline holds them: a copy of just the mapped fields, with the version it is of.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Values,
    change::{CommitPosition, RecordChange, RecordEffect},
};

/// Object and id of a record.
pub type RecordKey = (String, String);

/// A record read from Salesforce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// API name of its object.
    pub object: String,
    /// Id in its 18-character form.
    pub id: String,
    /// The fields that were asked for.
    pub values: Values,
    /// `CreatedDate`.
    pub created_at: Timestamp,
    /// `LastModifiedDate`.
    pub modified_at: Timestamp,
    /// `SystemModstamp`, in whole seconds: the version of a read.
    pub modstamp: Timestamp,
}

/// The copy of a record that is linked to a profile, or that such a record is associated with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRecord {
    /// API name of its object.
    pub object: String,
    /// Id in its 18-character form.
    pub id: String,
    /// What is known of it; a mapped field that is missing here is unknown, and the record must be read.
    pub values: Values,
    /// `CreatedDate`.
    pub created_at: Timestamp,
    /// `SystemModstamp` of the newest read that the copy holds, in milliseconds after 1970; known only to the second.
    pub read_ms: i64,
    /// Place in the change stream of the newest event that the copy holds.
    pub commit: Option<CommitPosition>,
    /// The copy may be wrong and must be read again before it is used.
    pub stale: bool,
    /// The record is deleted in Salesforce or no longer visible.
    pub gone: bool,
    /// Rises by one with each change of the copy, and with all news while it is stale: a read that was asked for at this revision
    /// knows all that the copy knows.
    pub revision: i64,
}

/// What a change did to a held copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The copy was changed, or is now known to be stale or gone: whoever is linked is due.
    Changed,
    /// It was newer and says what the copy says already.
    Confirmed,
    /// It is older than the copy and was dropped.
    Older,
}

impl HeldRecord {
    /// The copy of a record of which nothing is known yet: from here on news of it is taken in, and it is to be read.
    pub fn unread((object, id): RecordKey) -> Self {
        Self {
            object,
            id,
            values: Values::new(),
            created_at: Timestamp::UNIX_EPOCH,
            read_ms: 0,
            commit: None,
            stale: true,
            gone: false,
            revision: 0,
        }
    }

    /// The copy that a read makes.
    pub fn from_read(record: Record) -> Self {
        Self {
            object: record.object,
            id: record.id,
            values: record.values,
            created_at: record.created_at,
            read_ms: record.modstamp.as_millisecond(),
            commit: None,
            stale: false,
            gone: false,
            revision: 0,
        }
    }

    /// Takes in news from the change stream; the copy never goes back in time.
    ///
    /// Two events are ordered by their place in the stream. A read is known only to the second (`SystemModstamp`), so an
    /// event of that same second may be older or newer than the read: the copy is then stale, and is read again.
    pub fn apply(&mut self, change: &RecordChange) -> Applied {
        let at = change.commit;
        if self.commit.is_some_and(|known| at.order() <= known.order()) || at.commit_ms < self.read_ms {
            return Applied::Older;
        }
        let unsure = at.commit_ms < self.read_ms + 1000 && change.effect != RecordEffect::Gone;
        let before = (self.stale, self.gone);
        let mut changed = false;
        if unsure {
            self.stale = true;
        } else {
            self.commit = Some(at);
            match &change.effect {
                RecordEffect::Gone => self.gone = true,
                RecordEffect::Unknown => self.stale = true,
                RecordEffect::Values { values, .. } => {
                    self.gone = false;
                    for (name, value) in values {
                        if self.values.get(name) != Some(value) {
                            self.values.insert(name.clone(), value.clone());
                            changed = true;
                        }
                    }
                }
            }
        }
        changed |= before != (self.stale, self.gone);
        if changed || self.stale {
            self.revision += 1;
        }
        if changed { Applied::Changed } else { Applied::Confirmed }
    }

    /// Takes in a read that was asked for when the copy had the revision `asked_at`, where that is known.
    ///
    /// A read that was asked for at the copy's present revision is the truth: all that is held was committed before. Of another one
    /// only `SystemModstamp` tells how old it is, and that in whole seconds, and not well: a transaction commits with the stamps of its
    /// beginning. An event or another read of the read's own second or later may be newer than it, or may have been seen by it. If they do
    /// not say the same, the copy is stale, to be read again, and has no older value meanwhile than an event gave it; and a stale copy
    /// stays so.
    pub fn refresh(&mut self, record: Record, asked_at: Option<i64>) {
        let before = self.clone();
        let modstamp_ms = record.modstamp.as_millisecond();
        let is_truth = asked_at == Some(self.revision);
        let says_the_same = !self.gone
            && record.values.iter().all(|(name, value)| self.values.get(name).is_none_or(|held| held == value));
        let commit_ms = self.commit.map_or(i64::MIN, |commit| commit.commit_ms);
        if is_truth || commit_ms < modstamp_ms + 1000 {
            // Fields that this read did not ask for stay known as they were.
            let mut values = std::mem::take(&mut self.values);
            values.extend(record.values.clone());
            *self = Self { values, commit: before.commit, revision: before.revision, ..Self::from_read(record) };
        }
        let may_be_newer = before.read_ms >= modstamp_ms || commit_ms >= modstamp_ms;
        self.stale = !is_truth && (before.stale || may_be_newer && !says_the_same);
        if *self != before || self.stale && !says_the_same {
            self.revision += 1;
        }
    }

    /// Takes in that a read, asked for when the copy had the revision `asked_at`, did not find the record. Where news came meanwhile,
    /// it must be read again.
    pub fn vanish(&mut self, asked_at: Option<i64>) {
        let is_truth = asked_at.is_none_or(|revision| revision == self.revision);
        let before = (self.gone, self.stale);
        if is_truth {
            (self.gone, self.stale) = (true, false);
        } else {
            self.stale = true;
        }
        if before != (self.gone, self.stale) {
            self.revision += 1;
        }
    }
}
