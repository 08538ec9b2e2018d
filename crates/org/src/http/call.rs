//! One authorised request of the data API, and the org as it sees it.

use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, MutexGuard};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use serde::de::DeserializeOwned;

use super::Web;
use super::answer::RestError;
use crate::core::oauth::Session;
use crate::core::{Access, ObjectSchema, Org, Transaction, Write, WriteContext, WriteError, WriteOutcome};
use crate::faults::Seen;
use crate::soql::Asker;

/// One authorised request.
pub(crate) struct Call<'a> {
    pub(crate) web: &'a Web,
    pub(crate) method: Method,
    /// `66.0`.
    pub(crate) version: String,
    /// `/services/data/v66.0`.
    pub(crate) base: String,
    pub(crate) origin: String,
    pub(crate) parameters: HashMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) session: Session,
    /// What the caller may see and do.
    pub(crate) access: Arc<Access>,
    /// Its template, as fault rules name it.
    pub(crate) path: &'static str,
    /// The transaction that it is part of, if it is not one of its own.
    pub(crate) held: Option<&'a Held<'a>>,
}

/// What the dispatcher hands back: the answer, and how many records it was about.
pub(crate) type Reply = Result<(Response, usize), RestError>;

/// The org in the hands of one transaction that several calls are part of.
pub(crate) struct Held<'h> {
    org: RefCell<&'h mut Org>,
    transaction: RefCell<Transaction>,
}

impl<'h> Held<'h> {
    pub(crate) fn new(org: &'h mut Org) -> Held<'h> {
        Held { org: RefCell::new(org), transaction: RefCell::default() }
    }

    /// Ends the transaction: its writes stay, or go.
    pub(crate) fn end(&self, context: &WriteContext, stays: bool) {
        let transaction = self.transaction.take();
        let mut org = self.org.borrow_mut();
        if stays { org.finish(context, transaction) } else { org.roll_back(transaction) }
    }
}

/// The org, locked for one step.
pub(crate) enum OrgGuard<'c> {
    Locked(MutexGuard<'c, Org>),
    Held(RefMut<'c, Org>),
}

impl Deref for OrgGuard<'_> {
    type Target = Org;

    fn deref(&self) -> &Org {
        match self {
            OrgGuard::Locked(org) => org,
            OrgGuard::Held(org) => org,
        }
    }
}

impl DerefMut for OrgGuard<'_> {
    fn deref_mut(&mut self) -> &mut Org {
        match self {
            OrgGuard::Locked(org) => org,
            OrgGuard::Held(org) => org,
        }
    }
}

fn is_tooling(path: &str) -> bool {
    path.starts_with("/tooling")
}

/// What URLs in answers begin with: `/services/data/v66.0`, and in the Tooling API its own part of it.
pub(crate) fn base(version: u32, path: &str) -> String {
    format!("/services/data/v{version}.0{}", if is_tooling(path) { "/tooling" } else { "" })
}

impl<'a> Call<'a> {
    /// The same call as part of a transaction.
    pub(crate) fn with_held<'h>(&'h self, held: &'h Held<'h>) -> Call<'h>
    where
        'a: 'h,
    {
        Call {
            web: self.web,
            method: self.method.clone(),
            version: self.version.clone(),
            base: self.base.clone(),
            origin: self.origin.clone(),
            parameters: HashMap::new(),
            headers: self.headers.clone(),
            body: Bytes::new(),
            session: self.session.clone(),
            access: self.access.clone(),
            path: self.path,
            held: Some(held),
        }
    }
}

impl Call<'_> {
    /// The org, for one step. Two at a time are one too many.
    pub(crate) fn org(&self) -> OrgGuard<'_> {
        match self.held {
            Some(held) => OrgGuard::Held(RefMut::map(held.org.borrow_mut(), |org| &mut **org)),
            None => OrgGuard::Locked(self.web.org.lock()),
        }
    }

    /// Commits what could be read as a write, as one transaction or as part of that which the call belongs to. The rest keeps its
    /// place in the results.
    pub(crate) fn commit(
        &self,
        all_or_none: bool,
        writes: Vec<Result<Write, WriteError>>,
    ) -> Vec<Result<WriteOutcome, WriteError>> {
        let writes: Vec<_> = writes.into_iter().map(|write| self.strike_row(write?)).collect();
        if all_or_none && writes.iter().any(Result::is_err) {
            let rolled_back =
                |write: Result<Write, WriteError>| Err(write.err().unwrap_or_else(WriteError::rolled_back));
            return writes.into_iter().map(rolled_back).collect();
        }
        let (mut fine, mut places) = (Vec::with_capacity(writes.len()), Vec::with_capacity(writes.len()));
        for write in writes {
            places.push(write.map(|write| fine.push(write)));
        }
        let context = self.write_context();
        let committed = match self.held {
            Some(held) => self.org().write_in(&mut held.transaction.borrow_mut(), &context, all_or_none, fine),
            None => self.web.org.commit(&context, all_or_none, fine),
        };
        let mut committed = committed.into_iter();
        let result =
            |place: Result<(), WriteError>| place.and_then(|()| committed.next().expect("a result for each write"));
        places.into_iter().map(result).collect()
    }

    fn strike_row(&self, write: Write) -> Result<Write, WriteError> {
        let org = &self.web.org;
        if !org.has_fault_rules() {
            return Ok(write);
        }
        let object = match &write {
            Write::Create { object, .. } => Some(object.clone()),
            other => {
                let prefix = crate::core::id::key_prefix(other.record_id().unwrap_or_default());
                self.org().object_with_prefix(prefix).map(|object| object.name.clone())
            }
        };
        let is_about = |asked: &str| object.as_ref().is_some_and(|object| object.eq_ignore_ascii_case(asked));
        match org.strike_row(Seen { method: self.method.as_str(), path: self.path, is_about: &is_about }) {
            Some(error) => Err(error),
            None => Ok(write),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether it is a call of the Tooling API.
    pub(crate) fn is_tooling(&self) -> bool {
        is_tooling(self.path)
    }

    /// Whether an object is there for the caller, in the API that is called.
    pub(crate) fn knows(&self, object: &ObjectSchema) -> bool {
        let is_of_api = if self.is_tooling() { object.tooling || object.setup } else { !object.tooling };
        is_of_api && self.access.reads(object)
    }

    /// Who asks a query.
    pub(crate) fn asker(&self, include_deleted: bool) -> Asker<'_> {
        Asker { access: &self.access, now_ms: self.web.org.now_ms(), include_deleted, tooling: self.is_tooling() }
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, RestError> {
        let kind = self.header(header::CONTENT_TYPE.as_str()).unwrap_or("application/json");
        if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
            let message = format!("Content-Type header specified in HTTP request is not supported: {kind}");
            return Err(RestError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message));
        }
        serde_json::from_slice(&self.body).map_err(|error| RestError::unreadable_json(&error))
    }

    /// Who writes, and what change events will say of the origin.
    pub(crate) fn write_context(&self) -> WriteContext {
        let options = self.header("sforce-call-options").unwrap_or("");
        let client = options.split([',', ';']).find_map(|option| option.trim().strip_prefix("client=").map(str::trim));
        let mut change_origin = format!("com/salesforce/api/rest/{}", self.version);
        if let Some(client) = client.filter(|client| !client.is_empty()) {
            change_origin.push_str(";client=");
            change_origin.push_str(client);
        }
        WriteContext { user_id: self.session.user_id.clone(), change_origin, now_ms: self.web.org.now_ms() }
    }
}
