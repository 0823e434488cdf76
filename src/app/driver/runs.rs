//! One run: its events go to the store, then to the screen.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc::{Sender, UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::hands::Back;
use crate::app::event::Event;
use crate::app::session::Sessions;
use crate::data::Wordings;
use crate::domain::{Measure, Mode, Pane, RunEvent, RunHead};
use crate::methods::{self, RunSpec, Stops};
use crate::store::Store;

/// A run that is to be begun.
pub(super) struct Ask {
    pub(super) number: u64,
    pub(super) spec: Arc<RunSpec>,
    pub(super) sessions: Option<Sessions>,
    pub(super) stops: Stops,
}

impl Ask {
    /// Runs it to its end.
    pub(super) async fn answer(
        self,
        wordings: Arc<Wordings>,
        store: Option<Arc<Store>>,
        events: Sender<Event>,
        back: UnboundedSender<Back>,
    ) {
        let number = self.number;
        let not_stored = self.record(wordings, store, &events).await;
        let _ = events.send(Event::RunOver { number, not_stored }).await;
        let _ = back.send(Back::Over { number });
    }

    async fn record(
        self,
        wordings: Arc<Wordings>,
        store: Option<Arc<Store>>,
        events: &Sender<Event>,
    ) -> Option<String> {
        let Some(sessions) = self.sessions else {
            return Some("the engine was gone before the run began".to_owned());
        };
        let number = self.number;
        let head = sessions.head(&self.spec);
        let (sender, happened) = unbounded_channel();
        let texts: Arc<dyn methods::Texts> = wordings as _;
        let work = methods::run(self.spec, head, sessions.in_use(), texts, sender, self.stops);
        let mut together = Together::default();
        follow(work, happened, store.as_deref(), |event| {
            let are_all = together.see(&event).then(|| std::mem::take(&mut together));
            async move {
                // A screen that is gone reads nothing; the store still does.
                let _ = events.send(Event::Run { number, event }).await;
                if let Some(together) = are_all {
                    let measures = together.measures().await;
                    let _ = events.send(Event::Across { number, measures }).await;
                }
            }
        })
        .await
    }
}

/// Does the `work` of a run and reads what it tells: the disk goes first, so that what was seen is not lost any more. Gives
/// the reason why the run is not stored, if it is not.
pub(super) async fn follow<F: Future<Output = ()>>(
    work: impl Future<Output = ()>,
    mut happened: UnboundedReceiver<RunEvent>,
    store: Option<&Store>,
    mut see: impl FnMut(RunEvent) -> F,
) -> Option<String> {
    let writer = store.map(Store::run_writer);
    let mut not_stored = None;
    let reading = async {
        while let Some(event) = happened.recv().await {
            if let Some(writer) = &writer
                && let Err(error) = writer.record(&event).await
            {
                not_stored.get_or_insert(error.to_string());
            }
            see(event).await;
        }
    };
    tokio::join!(work, reading);
    if let Some(writer) = &writer
        && let Err(error) = writer.flush().await
    {
        not_stored.get_or_insert(error.to_string());
    }
    not_stored
}

/// The panes of the distribution mode as they end.
#[derive(Default)]
struct Together {
    head: Option<Box<RunHead>>,
    /// How many there will be.
    asked: usize,
    ended: BTreeMap<usize, Pane>,
}

impl Together {
    /// Takes in what happened. Whether the last of them ended, and there are several.
    fn see(&mut self, event: &RunEvent) -> bool {
        match event {
            RunEvent::Started { head, panes } => {
                self.asked = panes.iter().filter(|(mode, _)| *mode == Mode::Distribution).count();
                self.head = Some(head.clone());
            }
            RunEvent::PaneDone { pane, result } if result.mode == Mode::Distribution => {
                self.ended.insert(*pane, (**result).clone());
                return self.asked > 1 && self.ended.len() == self.asked;
            }
            _ => {}
        }
        false
    }

    /// The numbers about several of them. What is counted is drawn again many times: not on the thread of all runs.
    async fn measures(self) -> Vec<Measure> {
        let Some(head) = self.head else { return Vec::new() };
        let panes: Vec<Pane> = self.ended.into_values().collect();
        tokio::task::spawn_blocking(move || methods::numbers_across(&head, &panes)).await.unwrap_or_default()
    }
}
