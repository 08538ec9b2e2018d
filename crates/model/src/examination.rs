//! The doctor: what was found when the connection was examined, each finding with its remedy.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One examination of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examination {
    /// When it ended.
    pub at: Timestamp,
    /// One finding for each check, in the order in which they matter.
    pub findings: Vec<Finding>,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which check; a stable word such as `api_limits`.
    pub check: String,
    /// What it is about, such as an object or a field by API name; `None` where it is the org as a whole.
    pub subject: Option<String>,
    /// How bad it is.
    pub verdict: Verdict,
    /// What was found, in plain words. Never a field's value.
    pub message: String,
    /// What to do about it; `None` where nothing has to be done.
    pub remedy: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, but not as well as it could, or not for long.
    Warning,
    /// Something will not sync.
    Problem,
    /// It could not be found out.
    Unknown,
}
