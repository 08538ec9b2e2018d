//! `syncline doctor`: examines a connection through the server that works on it, or by itself where none runs, and tells what was
//! found.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use serde_json::json;
use syncline_engine::{EngineOptions, ExamineError, Tempo, examine_once};
use syncline_model::{
    clock::{Clock, SystemClock},
    connection::{Connection, ConnectionStatus},
    examination::{Examination, Finding, Verdict},
    store::Store,
};
use tokio::time::Instant;
use url::Url;

use crate::{
    commands::{Output, Target},
    salesforce_login::SalesforceLogin,
    stopping::worked_on,
    wiring::SalesforceConnectors,
};

/// How often it is looked whether the server's examination is there.
const LOOK: Duration = Duration::from_millis(200);
/// A server examines within seconds; one that has not within this is not going to.
const PATIENCE: Duration = Duration::from_secs(120);

/// Examines, and tells what was found.
///
/// # Errors
/// Where it could not be examined, and where something will not sync: whoever runs it from a script wants to know.
pub async fn doctor(target: Target, output: Output) -> anyhow::Result<()> {
    let (store, environment, salesforce) = target.open().await?;
    let connection = store.connection(environment.id).await?;
    let connection = connection.filter(|one| one.status != ConnectionStatus::Disconnected);
    let connection = connection.with_context(|| format!("environment {} is not connected", environment.name))?;
    if let Err(idle) = worked_on(&connection) {
        // Why Salesforce took back its grant is a finding too.
        bail!("{idle}{}", connection.detail.map(|why| format!(" {why}")).unwrap_or_default());
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    // Nobody comes back from a browser here.
    let login = Arc::new(SalesforceLogin::new(salesforce, &Url::parse("http://localhost")?));
    let connectors = Arc::new(SalesforceConnectors { store: Arc::clone(&store), login, clock: Arc::clone(&clock) });
    let options = EngineOptions {
        store: Arc::clone(&store),
        clock,
        node: format!("doctor {}", std::process::id()),
        connectors,
        tempo: Tempo::default(),
    };
    let examination = match examine_once(&options, &connection).await {
        Err(ExamineError::Owned) => through_the_server(store.as_ref(), &connection).await?,
        examined => examined?,
    };
    let result = json!({
        "environment": environment.name,
        "organization_id": connection.org.org_id,
        "at": examination.at,
        "findings": examination.findings,
    });
    output.say(&result, &in_words(&examination));
    match examination.findings.iter().filter(|finding| finding.verdict == Verdict::Problem).count() {
        0 => Ok(()),
        1 => bail!("1 problem keeps something from being synced"),
        many => bail!("{many} problems keep something from being synced"),
    }
}

async fn through_the_server(store: &dyn Store, connection: &Connection) -> anyhow::Result<Examination> {
    store.request_examination(connection.id).await?;
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if store.examination_requests(connection.id).await? == 0
            && let Some(examination) = store.examination(connection.id).await?
        {
            return Ok(examination);
        }
        tokio::time::sleep(LOOK).await;
    }
    bail!("the server that works on this connection has not examined it within {} s; see its log", PATIENCE.as_secs())
}

/// The findings as people read them, the worst first.
fn in_words(examination: &Examination) -> String {
    let mut text = String::new();
    for (verdict, mark) in
        [(Verdict::Problem, "✗"), (Verdict::Warning, "!"), (Verdict::Unknown, "?"), (Verdict::Good, "✓")]
    {
        for Finding { subject, message, remedy, .. } in examination.findings.iter().filter(|one| one.verdict == verdict)
        {
            let subject = subject.as_ref().map(|subject| format!("{subject}: ")).unwrap_or_default();
            let _ = writeln!(text, "{mark} {subject}{message}");
            if let Some(remedy) = remedy {
                let _ = writeln!(text, "  → {remedy}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use syncline_model::clock::from_ms;

    use super::*;

    #[test]
    fn the_worst_comes_first_and_each_with_its_remedy() {
        let finding = |verdict, message: &str, remedy: Option<&str>| Finding {
            check: "x".into(),
            subject: Some("Contact".into()),
            verdict,
            message: message.into(),
            remedy: remedy.map(str::to_owned),
        };
        let findings = vec![
            finding(Verdict::Good, "All well.", None),
            finding(Verdict::Problem, "Not seen.", Some("Give access.")),
        ];
        let words = in_words(&Examination { at: from_ms(0), findings });
        assert_eq!(words, "✗ Contact: Not seen.\n  → Give access.\n✓ Contact: All well.\n");
    }
}
