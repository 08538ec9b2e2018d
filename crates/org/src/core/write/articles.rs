//! Articles of the knowledge base: drafts, what is online, and what was.

use super::Run;
use crate::core::error::WriteError;
use crate::core::id;
use crate::core::org::Org;
use crate::core::row::{Draft, Row};
use crate::core::schema::ObjectSchema;
use crate::core::table::Slot;
use crate::core::value::FieldValue;
use crate::core::write::{WriteOutcome, permit};

/// First three characters of the ids that all versions of an article share.
const ARTICLE_PREFIX: &str = "kA0";

impl Org {
    /// Puts a row (or nothing) in a slot and gives back what was there. Articles stand in the view of all article types as well.
    pub(in crate::core) fn replace_row(&mut self, table: usize, slot: Slot, row: Option<Row>) -> Option<Row> {
        self.access.note_write(&self.tables[table].schema);
        if let Some((articles, view)) = self.articles
            && articles == table
        {
            let shown = row.as_ref().map(|row| self.as_in_view(articles, view, row));
            while self.tables[view].reserve().0 < slot {}
            self.tables[view].replace(slot, shown);
        }
        self.tables[table].replace(slot, row)
    }

    fn as_in_view(&self, articles: usize, view: usize, row: &Row) -> Row {
        let (articles, view) = (&self.tables[articles].schema, &self.tables[view].schema);
        let mut shown = Draft::default();
        for (index, field) in view.each_field() {
            if let Some(own) = articles.index_of(&field.name) {
                shown.set(index, row.get(own).to_value());
            }
        }
        shown.pack()
    }

    /// Gives a new article what all its versions share, and says no to an address that another article has.
    pub(super) fn derive_article(
        &self,
        schema: &ObjectSchema,
        before: Option<&Row>,
        row: &mut Draft,
    ) -> Result<(), WriteError> {
        let at = |name: &str| schema.index_of(name).expect("the catalogue gives articles this field");
        if before.is_some_and(|before| before.get(at("PublishStatus")).as_text() != Some("Draft")) {
            let message = "Only the draft of an article can be changed";
            return Err(WriteError::new("FIELD_INTEGRITY_EXCEPTION", message));
        }
        if row.get(at("KnowledgeArticleId")).is_null() {
            let slot = row.get(at("Id")).as_text().and_then(id::slot).unwrap_or_default();
            row.set(at("KnowledgeArticleId"), id::of_slot(ARTICLE_PREFIX, slot).into());
            row.set(at("VersionNumber"), FieldValue::Integer(1));
        }
        let (own, url) = (&self.tables[schema.number], at("UrlName"));
        let is_other = |other: &Row| {
            !own.is_deleted(other)
                && other.get(at("Language")) == row.get(at("Language"))
                && other.get(at("KnowledgeArticleId")) != row.get(at("KnowledgeArticleId"))
        };
        if own.find(url, row.get(url)).filter_map(|slot| own.row(slot)).any(is_other) {
            let message = "The URL Name you entered is already in use. Choose a different URL Name.";
            return Err(WriteError::at("DUPLICATE_VALUE", "UrlName", message));
        }
        Ok(())
    }

    pub(super) fn publish_article(&mut self, run: &mut Run<'_>, id: &str) -> Result<WriteOutcome, WriteError> {
        let (table, slot, row) = self.article(run, id, "Draft")?;
        let own = &self.tables[table];
        let at = |name: &str| own.schema.index_of(name).expect("the catalogue gives articles this field");
        let (status, latest) = (at("PublishStatus"), at("IsLatestVersion"));
        let (first, last, archived) = (at("FirstPublishedDate"), at("LastPublishedDate"), at("ArchivedDate"));
        let now = FieldValue::DateTime(run.context.now_ms / 1000 * 1000);
        let is_same_article = |(_, other): &(Slot, &Row)| {
            other.get(at("KnowledgeArticleId")) == row.get(at("KnowledgeArticleId"))
                && other.get(at("Language")) == row.get(at("Language"))
                && other.get(status).as_text() == Some("Online")
        };
        let online = own.iter().find(is_same_article).map(|(slot, row)| (slot, row.unpack()));
        if let Some((slot, mut old)) = online {
            old.set(status, "Archived".into());
            old.set(archived, now.clone());
            old.set(latest, false.into());
            self.stamp(run.context, table, &mut old);
            self.store(run.touched, table, slot, Some(old.pack()));
        }
        let mut row = row.unpack();
        row.set(status, "Online".into());
        row.set(latest, true.into());
        if row.get(first).is_null() {
            row.set(first, now.clone());
        }
        row.set(last, now);
        self.stamp(run.context, table, &mut row);
        self.store(run.touched, table, slot, Some(row.pack()));
        Ok(WriteOutcome::changed(self.id_at(table, slot)))
    }

    pub(super) fn draft_article(&mut self, run: &mut Run<'_>, id: &str) -> Result<WriteOutcome, WriteError> {
        let (table, _, online) = self.article(run, id, "Online")?;
        let mut draft = online.unpack();
        let (system, schema) = (self.tables[table].system, &self.tables[table].schema);
        let at = |name: &str| schema.index_of(name).expect("the catalogue gives articles this field");
        let number = match online.get(at("VersionNumber")) {
            FieldValue::Integer(number) => number + 1,
            _ => 1,
        };
        draft.set(at("VersionNumber"), FieldValue::Integer(number));
        draft.set(at("PublishStatus"), "Draft".into());
        draft.set(at("LastPublishedDate"), FieldValue::Null);
        for own in [
            system.id,
            system.created_date,
            system.created_by,
            system.last_modified_date,
            system.last_modified_by,
            system.system_modstamp,
        ] {
            draft.set(own, FieldValue::Null);
        }
        self.insert(run, table, draft).map(WriteOutcome::made)
    }

    /// A version of an article that stands like this.
    fn article(&self, run: &Run<'_>, id: &str, status: &str) -> Result<(usize, Slot, Row), WriteError> {
        let (table, slot) = self.locate_live(id, Some("Knowledge__kav"))?;
        permit(run.access.edits(&self.tables[table].schema))?;
        let row = self.tables[table].row(slot).cloned().ok_or_else(WriteError::no_such_record)?;
        if self.tables[table].text(&row, "PublishStatus") != Some(status) {
            let message = format!("the version is not the article's {}", status.to_lowercase());
            return Err(WriteError::new("INVALID_OPERATION", message));
        }
        Ok((table, slot, row))
    }
}
