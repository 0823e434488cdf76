//! Opens engines and watches them.

use tokio::sync::mpsc::{Sender, UnboundedSender};

use super::hands::Back;
use crate::app::event::{EngineNews, Event};
use crate::app::session::{EngineChoice, EngineSession};
use crate::engine::EngineClient;

/// Opens an engine and hands it back, or says why there is none.
pub(super) async fn open(opening: u64, choice: EngineChoice, events: Sender<Event>, back: UnboundedSender<Back>) {
    let progress = events.clone();
    let session = EngineSession::open(&choice, |fraction| {
        // A hint: when the screen is behind, the next one will do.
        let _ = progress.try_send(Event::Engine { opening, news: EngineNews::Loading(fraction) });
    })
    .await;
    let news = match session {
        Ok(session) => {
            let loaded = Box::new(session.loaded.clone());
            let build = session.client.hello().build.clone();
            // Before the screen hears of it: the first key may be Enter.
            let _ = back.send(Back::Opened { opening, session: Box::new(session) });
            EngineNews::Ready { loaded, build }
        }
        Err(error) => {
            tracing::error!("{error}");
            EngineNews::Failed { sentence: error.to_string(), was_ready: false }
        }
    };
    let _ = events.send(Event::Engine { opening, news }).await;
}

/// Tells what the engine does and finds, until it is gone; then why.
pub(super) async fn watch(opening: u64, client: EngineClient, events: Sender<Event>) {
    let (mut status, mut report) = (client.status(), client.report());
    let first = report.borrow_and_update().clone();
    let tell = |news| events.send(Event::Engine { opening, news });
    let _ = tell(EngineNews::Report(first)).await;
    let mut knows_all = false;
    loop {
        let news = tokio::select! {
            changed = status.changed() => match changed {
                Ok(()) => EngineNews::Status(*status.borrow_and_update()),
                Err(_) => break,
            },
            changed = report.changed(), if !knows_all => {
                if changed.is_err() {
                    knows_all = true;
                    continue;
                }
                EngineNews::Report(report.borrow_and_update().clone())
            }
        };
        if tell(news).await.is_err() {
            return;
        }
    }
    if let Some(error) = client.dead() {
        tracing::error!("{error}");
        let _ = tell(EngineNews::Failed { sentence: error.to_string(), was_ready: true }).await;
    }
}
