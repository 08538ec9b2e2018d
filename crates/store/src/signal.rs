//! The counts behind [`Signals`](syncline_model::store::Signals).

use syncline_model::store::Signal;
use tokio::sync::watch;

/// One count for each signal. Raised after a commit, never before: whoever is woken sees what was committed.
#[derive(Debug)]
pub(crate) struct Counts {
    work: watch::Sender<u64>,
    view: watch::Sender<u64>,
}

impl Counts {
    pub(crate) fn new() -> Self {
        Self { work: watch::Sender::new(0), view: watch::Sender::new(0) }
    }

    fn count(&self, signal: Signal) -> &watch::Sender<u64> {
        match signal {
            Signal::Work => &self.work,
            Signal::View => &self.view,
        }
    }

    pub(crate) fn raise(&self, signal: Signal) {
        self.count(signal).send_modify(|count| *count += 1);
    }

    pub(crate) fn raise_all(&self) {
        self.raise(Signal::Work);
        self.raise(Signal::View);
    }

    /// Looks first and waits then, on a receiver that was made before the look: no raise is missed.
    pub(crate) async fn wait(&self, signal: Signal, seen: u64) -> u64 {
        let mut receiver = self.count(signal).subscribe();
        match receiver.wait_for(|count| *count > seen).await {
            Ok(count) => *count,
            // The sender is `self`, so it is still there.
            Err(_) => seen,
        }
    }
}

/// What a transaction will raise once it is committed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Raised {
    pub(crate) work: bool,
    pub(crate) view: bool,
}

impl Raised {
    pub(crate) fn signals(self) -> impl Iterator<Item = Signal> {
        self.work.then_some(Signal::Work).into_iter().chain(self.view.then_some(Signal::View))
    }
}
