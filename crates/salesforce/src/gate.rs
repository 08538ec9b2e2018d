//! The gate that every call of a connection leaves through, so that it can be closed: then no call starts, and whoever closes it
//! knows when the last one has ended. Knows nothing of what the calls are.
//!
//! A call that was begun is not ended by dropping whoever waits for it: its bytes may be on their way already, and the other side
//! would begin with it later. It runs to its end in a task of its own, and its pass is given back then.

use std::{sync::Arc, time::Duration};

use syncline_model::connector::{ConnectorError, ErrorKind};
use tokio::sync::watch;

use crate::error::Effect;

/// Calls pass while it is open.
#[derive(Debug)]
pub(crate) struct Gate {
    stage: watch::Sender<Stage>,
    under_way: watch::Sender<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Open,
    /// No call starts any more.
    Closing,
    /// What is still under way ends at once.
    BreakingOff,
}

/// Why a call has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// It was not begun.
    Closed,
    /// It was begun, and the gate's patience ended before it did.
    BrokenOff,
}

impl Stopped {
    pub(crate) fn into_error(self, effect: Effect) -> ConnectorError {
        let (kind, what) = match (self, effect) {
            (Self::Closed, _) => (ErrorKind::Transient, "the connection is closed: the call was not made"),
            (Self::BrokenOff, Effect::Reads) => {
                (ErrorKind::Transient, "the connection was closed before the call was answered")
            }
            (Self::BrokenOff, Effect::Writes) => {
                (ErrorKind::UnknownOutcome, "the connection was closed before the call was answered")
            }
        };
        ConnectorError::new(kind, "", what)
    }
}

/// Held by a call that is under way.
#[derive(Debug)]
pub(crate) struct Pass(Arc<Gate>);

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|count| *count -= 1);
    }
}

impl Gate {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { stage: watch::Sender::new(Stage::Open), under_way: watch::Sender::new(0) })
    }

    /// Lets a call begin that ends by itself when the gate is [`Gate::closing`], or soon after.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Pass, Stopped> {
        // Counted first: whoever closes meanwhile sees either this call, or that it was refused.
        self.under_way.send_modify(|count| *count += 1);
        let pass = Pass(Arc::clone(self));
        if *self.stage.borrow() == Stage::Open { Ok(pass) } else { Err(Stopped::Closed) }
    }

    /// Makes a call, which goes on to its end even if nobody waits for it any more.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Stopped> {
        let pass = self.enter()?;
        let gate = Arc::clone(self);
        let running = tokio::spawn(async move {
            let ended = tokio::select! {
                ended = call => Ok(ended),
                () = gate.reaches(Stage::BreakingOff) => Err(Stopped::BrokenOff),
            };
            drop(pass);
            ended
        });
        running.await.unwrap_or(Err(Stopped::BrokenOff))
    }

    /// Waits until nothing more may begin.
    pub(crate) async fn closing(&self) {
        self.reaches(Stage::Closing).await;
    }

    async fn reaches(&self, stage: Stage) {
        // The sender is here, so waiting does not fail.
        let _ = self.stage.subscribe().wait_for(|now| *now >= stage).await;
    }

    /// Lets nothing begin from now on, and waits until what is under way has ended; breaks it off when `patience` is over.
    pub(crate) async fn close(&self, patience: Duration) {
        self.rise_to(Stage::Closing);
        let mut under_way = self.under_way.subscribe();
        if tokio::time::timeout(patience, under_way.wait_for(|count| *count == 0)).await.is_err() {
            tracing::warn!(
                calls = *self.under_way.borrow(),
                "calls to Salesforce were not answered in time; breaking them off"
            );
            self.rise_to(Stage::BreakingOff);
            let _ = under_way.wait_for(|count| *count == 0).await;
        }
    }

    fn rise_to(&self, stage: Stage) {
        self.stage.send_if_modified(|now| {
            let rises = stage > *now;
            *now = stage.max(*now);
            rises
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn closing_waits_for_a_call_whose_caller_has_gone_and_lets_none_start() {
        let gate = Gate::new();
        let (answer, answered) = oneshot::channel::<()>();
        let mut call = Box::pin(gate.run(answered));
        assert!(futures::poll!(&mut call).is_pending());
        drop(call);
        let closing = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.close(LONG).await }
        });
        gate.closing().await;
        assert_eq!(gate.run(async {}).await, Err(Stopped::Closed));
        assert_eq!(gate.enter().unwrap_err(), Stopped::Closed);
        assert!(!closing.is_finished());
        answer.send(()).unwrap();
        closing.await.unwrap();
    }

    #[tokio::test]
    async fn what_does_not_end_is_broken_off() {
        let gate = Gate::new();
        let mut call = Box::pin(gate.run(std::future::pending::<()>()));
        assert!(futures::poll!(&mut call).is_pending());
        gate.close(Duration::from_millis(1)).await;
        assert_eq!(call.await, Err(Stopped::BrokenOff));
        // Closed stays closed, and is so at once.
        gate.close(LONG).await;
        assert_eq!(gate.run(async {}).await, Err(Stopped::Closed));
    }
}
