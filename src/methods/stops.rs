//! Stopping a run, or one pane of it, before its end.

use tokio_util::sync::CancellationToken;

/// Stops a run or single panes of it; clones share it. A pane that is stopped ends `cancelled` with what it has, and the
/// engine computes nothing more for it; the other panes go on.
#[derive(Debug, Clone)]
pub struct Stops {
    all: CancellationToken,
    panes: Vec<CancellationToken>,
}

impl Stops {
    /// For a run of so many panes.
    pub fn new(panes: usize) -> Self {
        Self::under(&CancellationToken::new(), panes)
    }

    /// For a run of so many panes that also stops with `parent`. Stopping the run does not stop `parent`.
    pub fn under(parent: &CancellationToken, panes: usize) -> Self {
        let all = parent.child_token();
        let panes = (0..panes).map(|_| all.child_token()).collect();
        Self { all, panes }
    }

    /// Stops all panes.
    pub fn stop_all(&self) {
        self.all.cancel();
    }

    /// Stops the pane at this place of the request; one that has ended or does not exist stays as it is.
    pub fn stop_pane(&self, pane: usize) {
        if let Some(stop) = self.panes.get(pane) {
            stop.cancel();
        }
    }

    /// Whether all panes were stopped.
    pub fn is_stopped(&self) -> bool {
        self.all.is_cancelled()
    }

    /// Resolves when this pane is to stop.
    pub(super) async fn stopped(&self, pane: usize) {
        self.panes.get(pane).unwrap_or(&self.all).cancelled().await;
    }
}
