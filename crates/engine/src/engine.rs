//! The engine: keeps an owner running for each connection that is to be worked on and that this node can get the lease of.

use std::{collections::HashMap, sync::Arc, time::Duration};

use syncline_model::{
    connection::{Connection, ConnectionStatus},
    id::ConnectionId,
    store::{Signal, StoreError},
};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    context::{EngineOptions, OwnerContext, POLL},
    owner::{self, LEASE_TTL},
    spending::Spending,
};

/// Signals come with every change; looking for connections to start or stop once in this time is soon enough.
const LOOK_APART: Duration = Duration::from_millis(100);

/// Syncs all connections that it can get hold of, until told to stop.
pub struct Engine {
    options: EngineOptions,
    owners: HashMap<ConnectionId, Owned>,
    /// When another node was found to hold a connection's lease, and under which epoch.
    elsewhere: HashMap<ConnectionId, (Instant, i64)>,
    tasks: JoinSet<ConnectionId>,
}

struct Owned {
    epoch: i64,
    stop: CancellationToken,
    spending: Arc<Spending>,
}

impl Engine {
    /// An engine that does nothing yet.
    pub fn new(options: EngineOptions) -> Self {
        Self { options, owners: HashMap::new(), elsewhere: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Runs until `stop` is cancelled; then gives all leases back. Dying at any point instead loses nothing.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut seen = 0;
        while !stop.is_cancelled() {
            if let Err(error) = self.look().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "could not look for connections to work on");
            }
            tokio::select! {
                () = stop.cancelled() => break,
                now = self.options.store.wait(Signal::Work, seen) => seen = now,
                Some(ended) = self.tasks.join_next() => self.forget(ended),
                () = tokio::time::sleep(POLL) => {}
            }
            tokio::time::sleep(LOOK_APART).await;
        }
        for owned in self.owners.values() {
            owned.stop.cancel();
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Starts and stops owners so that they are those of the connections that are to be worked on.
    async fn look(&mut self) -> Result<(), StoreError> {
        while let Some(ended) = self.tasks.try_join_next() {
            self.forget(ended);
        }
        let connections = self.options.store.connections().await?;
        for (id, owned) in &self.owners {
            match connections.iter().find(|connection| connection.id == *id && is_wanted(connection, owned.epoch)) {
                Some(connection) => owned.spending.set_share(connection.api_share),
                None => owned.stop.cancel(),
            }
        }
        for connection in connections {
            if self.owners.contains_key(&connection.id) || connection.status != ConnectionStatus::Connected {
                continue;
            }
            // Signals come many times a second, and the answer was no a moment ago.
            let asked = self.elsewhere.get(&connection.id);
            if asked.is_some_and(|(at, epoch)| at.elapsed() < POLL && *epoch == connection.epoch) {
                continue;
            }
            let ttl_ms = i64::try_from(LEASE_TTL.as_millis()).unwrap_or(i64::MAX);
            let Some(lease) = self.options.store.acquire_lease(connection.id, &self.options.node, ttl_ms).await? else {
                self.elsewhere.insert(connection.id, (Instant::now(), connection.epoch));
                continue;
            };
            self.elsewhere.remove(&connection.id);
            tracing::info!(connection.id = %connection.id, lease.token = lease.token, "working on connection {}", connection.id);
            let stop = CancellationToken::new();
            let spending = Arc::new(Spending::new(connection.api_share, &self.options.tempo));
            let owned = Owned { epoch: connection.epoch, stop: stop.clone(), spending: Arc::clone(&spending) };
            self.owners.insert(connection.id, owned);
            let context = OwnerContext::new(self.options.clone(), connection, lease, spending, stop);
            self.tasks.spawn(owner::run(context));
        }
        Ok(())
    }

    fn forget(&mut self, ended: Result<ConnectionId, tokio::task::JoinError>) {
        match ended {
            Ok(connection) => drop(self.owners.remove(&connection)),
            Err(error) => {
                // Which one panicked is not told: all are stopped, and started again by the next look.
                tracing::error!(error = &error as &dyn std::error::Error, "the owner of a connection broke down");
                self.owners.retain(|_, owned| {
                    owned.stop.cancel();
                    false
                });
            }
        }
    }
}

fn is_wanted(connection: &Connection, epoch: i64) -> bool {
    connection.status == ConnectionStatus::Connected && connection.epoch == epoch
}
