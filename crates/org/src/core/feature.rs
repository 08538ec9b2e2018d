//! Features that an org has only once somebody switches them on: person accounts, and Knowledge.

use super::catalog;
use super::org::Org;
use super::schema::{FieldIndex, FieldSchema};

/// The fields that a person account and its contact share: (of the account, of the contact).
pub(crate) type SharedFields = Vec<(FieldIndex, FieldIndex)>;

impl Org {
    /// Lets accounts be people. This cannot be undone, as in Salesforce.
    pub fn enable_person_accounts(&mut self, now_ms: i64) {
        if self.person_accounts.is_some() {
            return;
        }
        self.person_accounts = Some(SharedFields::new());
        self.add_standard_field("Contact", catalog::is_person_account(), now_ms);
        for field in catalog::person_account_fields() {
            self.add_standard_field("Account", field, now_ms);
        }
        let contact = self.object("Contact").expect("every org has contacts");
        let fields: Vec<FieldSchema> = contact.each_field().map(|(_, field)| field.clone()).collect();
        for field in fields {
            self.share_with_person_accounts(&field, now_ms);
        }
        for (name, label, is_person) in
            [("Business_Account", "Business Account", false), ("PersonAccount", "Person Account", true)]
        {
            let made = self.load_record_type("Account", name, label, is_person, now_ms);
            let id = made.expect("these record types are made once");
            let profiles = self.table("Profile").expect("every org has profiles");
            let profiles: Vec<String> = profiles.iter().map(|(_, row)| profiles.id_of(row).to_owned()).collect();
            for profile in profiles.iter().filter(|_| !is_person) {
                self.set_default_record_type(profile, &id).expect("the type was made above");
            }
        }
    }

    /// Whether accounts may be people.
    pub fn has_person_accounts(&self) -> bool {
        self.person_accounts.is_some()
    }

    /// Gives accounts the field that a contact's field is on a person account, if there is one.
    pub(super) fn share_with_person_accounts(&mut self, contact_field: &FieldSchema, now_ms: i64) {
        if self.person_accounts.is_none() {
            return;
        }
        let Some(name) = catalog::person_account_field(contact_field) else { return };
        if self.object("Account").is_some_and(|account| account.index_of(&name).is_none()) {
            self.add_standard_field("Account", catalog::on_person_account(contact_field, &name), now_ms);
        }
        let index = |object: &str, field: &str| self.object(object).and_then(|object| object.index_of(field));
        let both = index("Account", &name).zip(index("Contact", &contact_field.name));
        if let Some(both) = both.filter(|_| !contact_field.compound_parent)
            && let Some(shared) = &mut self.person_accounts
        {
            shared.push(both);
        }
    }

    /// Takes from accounts what a contact's field was on a person account.
    pub(super) fn unshare_with_person_accounts(&mut self, contact_field: &FieldSchema, contact_index: FieldIndex) {
        let Some(shared) = &mut self.person_accounts else { return };
        shared.retain(|(_, contact)| *contact != contact_index);
        let account = self.table_index("Account").expect("every org has accounts");
        let name = catalog::person_account_field(contact_field);
        if let Some(index) = name.and_then(|name| self.tables[account].schema.index_of(&name)) {
            self.tables[account].remove_field(index);
        }
    }

    /// Brings articles into the org.
    pub fn enable_knowledge(&mut self, now_ms: i64) {
        if self.has_knowledge() {
            return;
        }
        for object in catalog::knowledge_objects() {
            let name = object.name.clone();
            let fields: Vec<String> = object
                .each_field()
                .filter(|(_, field)| field.permissionable())
                .map(|(_, field)| field.name.clone())
                .collect();
            self.add_object(object);
            self.grant_object_to_profiles(&name, now_ms);
            for field in fields {
                self.grant_to_profiles(&name, &field, now_ms);
            }
        }
        self.articles = self.table_index("Knowledge__kav").zip(self.table_index("KnowledgeArticleVersion"));
    }

    /// Whether there are articles.
    pub fn has_knowledge(&self) -> bool {
        self.object("Knowledge__kav").is_some()
    }

    /// Adds a field that comes with a feature, for everybody.
    fn add_standard_field(&mut self, object: &str, field: FieldSchema, now_ms: i64) {
        let at = self.table_index(object).expect("features are of standard objects");
        let granted = field.permissionable().then(|| field.name.clone());
        self.tables[at].add_field(field);
        self.access.outdate();
        if let Some(field) = granted {
            self.grant_to_profiles(object, &field, now_ms);
        }
    }
}
