//! Which version of the REST API is spoken.

use std::sync::Arc;

use serde::Deserialize;
use url::Url;

use crate::{
    error::{self, Effect},
    gate::Gate,
    http::{self, Failed, misconfigured},
};

/// The version that this crate is written for. An org that is older is spoken to in its own newest one.
const OURS: f64 = 66.0;

#[derive(Deserialize)]
struct Version {
    version: String,
}

/// The path of the newest version that both sides speak, such as `/services/data/v66.0`. Asks without a session, which costs
/// the org's allowance nothing. (REST guide, "Versions".)
pub(crate) async fn newest(http: &reqwest::Client, gate: &Arc<Gate>, instance_url: &Url) -> Result<String, Failed> {
    let mut url = instance_url.clone();
    url.set_path("/services/data");
    let answer = http::exchange(gate, http.get(url), Effect::Reads).await?;
    if !answer.is_success() {
        return Err(Failed::answered(&answer, Effect::Reads));
    }
    let versions: Vec<Version> =
        serde_json::from_slice(&answer.body).map_err(|_| error::unreadable(&answer, Effect::Reads))?;
    let newest = versions.iter().filter_map(|version| version.version.parse::<f64>().ok()).reduce(f64::max);
    let spoken = newest.ok_or_else(|| misconfigured("the org speaks no version of the REST API"))?.min(OURS);
    Ok(format!("/services/data/v{spoken:.1}"))
}

/// Scheme and host without a closing slash, as Salesforce writes its own addresses.
pub(crate) fn origin_text(url: &Url) -> String {
    url.origin().ascii_serialization()
}
