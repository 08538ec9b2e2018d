//! Stopping in good order.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// After that long, whatever still holds on is left behind: nothing is lost by dying, only leases are given back late.
const PATIENCE: Duration = Duration::from_secs(20);

/// Exit status of a process that was told to stop and could not in time, or was told twice.
const CUT_SHORT: i32 = 1;

/// A token that is cancelled by SIGTERM or SIGINT. A second signal, or twenty seconds, end the process at once.
///
/// # Errors
/// Where the operating system does not let signals be handled.
pub fn stop_on_signal() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        tracing::info!("stopping");
        told.cancel();
        tokio::select! {
            () = next() => tracing::warn!("told to stop a second time; ending at once"),
            () = tokio::time::sleep(PATIENCE) => tracing::warn!("still not stopped; ending at once"),
        }
        std::process::exit(CUT_SHORT);
    });
    Ok(stop)
}
