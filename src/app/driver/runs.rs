//! One run: its events go to the store, then to the screen.

use std::sync::Arc;

use tokio::sync::mpsc::{Sender, UnboundedSender, unbounded_channel};

use super::hands::Back;
use crate::app::event::Event;
use crate::app::session::Sessions;
use crate::data::Wordings;
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
        let (sender, mut happened) = unbounded_channel();
        let texts: Arc<dyn methods::Texts> = wordings as _;
        let work = methods::run(self.spec, head, sessions.in_use(), texts, sender, self.stops);
        let writer = store.as_deref().map(Store::run_writer);
        let mut not_stored = None;
        let reading = async {
            while let Some(event) = happened.recv().await {
                // The disk goes first: what is on screen is not lost any more.
                if let Some(writer) = &writer
                    && let Err(error) = writer.record(&event).await
                {
                    not_stored.get_or_insert(error.to_string());
                }
                // A screen that is gone reads nothing; the store still does.
                let _ = events.send(Event::Run { number, event }).await;
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
}
