//! The bulk worker: when thousands of items wait for calls, it takes the longest due and has their writes done by few calls, however
//! long that takes. The remote worker goes on behind them meanwhile, so that what changes now does not wait.

use syncline_model::work::Lane;

use crate::{apply::Worker, context::Interrupt};

/// Works off many items at once, if there are as many. Tells whether there were.
pub(crate) async fn round(worker: &mut Worker<'_>) -> Result<bool, Interrupt> {
    let many = worker.connector.many_writes();
    let count = |items: usize| u32::try_from(items).unwrap_or(u32::MAX);
    let (store, lease) = (&worker.context.options.store, &worker.context.lease);
    let enough = count(many.start);
    if store.count_due(lease.connection_id, Lane::Remote, None, enough).await? < enough || !worker.may_call().await? {
        return Ok(false);
    }
    let mut works = store.due_work(lease, Lane::Remote, None, count(many.end)).await?;
    let in_flight = worker.in_flight;
    let _taken = in_flight.take(&mut works);
    let Some(newest) = works.last() else { return Ok(false) };
    let _left_behind = in_flight.leave_behind(newest.due_at);
    tracing::info!(connection.id = %lease.connection_id, items = works.len(), "many items are due; writing them in bulk");
    worker.work_off(works, "bulk").await?;
    Ok(true)
}
