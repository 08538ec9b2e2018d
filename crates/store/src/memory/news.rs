//! News from the change stream and from reads, and what look-ups found.

use std::collections::BTreeSet;

use jiff::Timestamp;
use syncline_model::{
    change::RecordedChanges,
    feed::NewestChange,
    record::{HeldRecord, Record, RecordKey},
    work::{Found, Lane},
};

use super::{Connected, Item};
use crate::{rules::TakenIn, signal::Raised};

fn lane_of(record: &HeldRecord) -> Lane {
    if record.stale || record.gone { Lane::Remote } else { Lane::Local }
}

impl Connected {
    pub(super) fn take_in(
        &mut self,
        news: &RecordedChanges,
        generation: i64,
        now: Timestamp,
        raised: &mut Raised,
    ) -> Vec<RecordKey> {
        let mut taken = TakenIn::default();
        taken.changes(&mut self.records, &news.changes);
        taken.found(&mut self.records, &news.reads, &news.gone);
        let mut marks = self.linked_to_changed(&taken);
        for (item, link) in &mut self.links {
            let record = link.record.as_ref().map(|(_, record)| record);
            let look_again = news
                .keys
                .iter()
                .any(|(mapping, key, id)| *mapping == item.0 && link.key.as_ref() == Some(key) && Some(id) != record);
            if look_again {
                link.searched = false;
                marks.push((item.clone(), Lane::Remote));
            }
        }
        self.mark(marks, generation, now, raised);
        self.mark_cleared(&taken, generation, now, raised);
        for mapping in news.resync.iter().collect::<BTreeSet<_>>() {
            self.mark_stale(Some(*mapping));
            self.search_again(Some(*mapping), generation, now, raised);
        }
        for object in &news.resync_objects {
            self.spread_stale(object, generation, now, raised);
        }
        if let Some(position) = &news.position {
            self.positions.insert(news.stream.clone(), position.clone());
        }
        self.note_newest(&news.newest, raised);
        taken.missed.into_iter().collect()
    }

    pub(super) fn keep_reads(
        &mut self,
        object: &str,
        asked: &[(String, i64)],
        read: Vec<Record>,
        generation: i64,
        now: Timestamp,
        raised: &mut Raised,
    ) {
        let mut taken = TakenIn::default();
        taken.answers(&mut self.records, object, asked, read);
        let marks = self.linked_to_changed(&taken);
        self.mark(marks, generation, now, raised);
        self.mark_cleared(&taken, generation, now, raised);
    }

    /// Whoever needs a copy that is not in doubt any more is due, unless it is already.
    fn mark_cleared(&mut self, taken: &TakenIn, generation: i64, now: Timestamp, raised: &mut Raised) {
        let linked = taken.cleared.iter().flat_map(|key| self.linked_to(key)).map(|item| (item, Lane::Local));
        let all = linked.chain(self.associated_with(&taken.cleared));
        let quiet: Vec<_> = all.filter(|(item, _)| !self.due.contains_key(item)).collect();
        self.mark(quiet, generation, now, raised);
    }

    fn linked_to_changed(&self, taken: &TakenIn) -> Vec<(Item, Lane)> {
        let lanes = taken.changed.iter().map(|key| (key, lane_of(&self.records[key])));
        let linked = lanes.flat_map(|(key, lane)| self.linked_to(key).into_iter().map(move |item| (item, lane)));
        linked.chain(self.associated_with(&taken.changed)).collect()
    }

    /// What is older than what is noted says nothing.
    fn note_newest(&mut self, newest: &[NewestChange], raised: &mut Raised) {
        for change in newest {
            let at = syncline_model::clock::from_ms(change.commit_ms);
            let feed = self.feeds.iter_mut().find(|feed| feed.object == change.object);
            if let Some(feed) = feed.filter(|feed| feed.last_change_at.is_none_or(|known| known <= at)) {
                feed.last_change_at = Some(at);
                feed.last_delay_ms = Some(change.delay_ms);
            }
        }
        if let Some((commit_ms, delay_ms)) = newest.iter().map(|newest| (newest.commit_ms, newest.delay_ms)).max() {
            let at = syncline_model::clock::from_ms(commit_ms);
            let stream = &mut self.connection.stream;
            if stream.last_event_at.is_none_or(|known| known <= at) {
                stream.last_event_at = Some(at);
                stream.last_delay_ms = Some(delay_ms);
            }
            raised.view = true;
        }
    }

    pub(super) fn keep_found(&mut self, found: Vec<Found>, generation: i64, now: Timestamp, raised: &mut Raised) {
        let wanted = found.iter().filter_map(|found| found.record.as_ref());
        let before = self.copies(wanted.map(|record| (record.object.clone(), record.id.clone())));
        let mut concerned: BTreeSet<RecordKey> = BTreeSet::new();
        let mut own: BTreeSet<Item> = BTreeSet::new();
        for Found { key, match_key, candidates, record, asked_at } in found {
            let item = (key.mapping_id, key.profile_id);
            let Some(link) = self.links.get_mut(&item).filter(|link| link.key.as_ref() == Some(&match_key)) else {
                continue;
            };
            let to = record.as_ref().map(|record| (record.object.clone(), record.id.clone()));
            if let (Some(key), Some(record)) = (&to, record) {
                match self.records.get_mut(key) {
                    Some(held) => held.refresh(record, asked_at),
                    None => {
                        self.records.insert(key.clone(), HeldRecord::from_read(record));
                    }
                }
            }
            link.searched = true;
            link.candidates = candidates;
            link.was_linked |= to.is_some();
            if link.record != to {
                link.linked_at = to.as_ref().map(|_| now);
                concerned.extend(link.record.clone());
                concerned.extend(to.clone());
                link.record = to;
            }
            own.insert(item);
        }
        let changed = before.into_iter().filter(|(key, before)| {
            let record = &self.records[key];
            before.stale != record.stale || before.values != record.values
        });
        let changed: BTreeSet<RecordKey> = changed.map(|(key, _)| key).collect();
        let spread = self.associated_with(&changed);
        concerned.extend(changed);
        let others = concerned.iter().flat_map(|record| self.linked_to(record)).filter(|item| !own.contains(item));
        let marks: Vec<_> = others.map(|item| (item, Lane::Local)).collect();
        self.mark(marks, generation, now, raised);
        self.mark(spread, generation, now, raised);
        self.drop_unlinked();
    }
}
