//! Opens engines and watches them.

use tokio::sync::mpsc::{Sender, UnboundedSender};

use super::hands::Back;
use crate::app::event::{EngineNews, Event};
use crate::app::session::{EngineChoice, EngineSession, OpenError, Sessions};
use crate::engine::EngineClient;

/// Opens an engine, and one beside it where there is to be one, and hands them back, or says why there is none.
pub(super) async fn open(
    opening: u64,
    choice: EngineChoice,
    beside: Option<String>,
    events: Sender<Event>,
    back: UnboundedSender<Back>,
) {
    let tell = |news| events.send(Event::Engine { opening, news });
    let news = match sessions(opening, choice, beside, &events).await {
        Ok(sessions) => {
            let loaded = Box::new(sessions.own.loaded.clone());
            let build = sessions.own.client.hello().build.clone();
            if let Some(beside) = &sessions.beside {
                let _ = tell(EngineNews::Beside(Box::new(beside.loaded.clone()))).await;
            }
            // Before the screen hears of it: the first key may be Enter.
            let _ = back.send(Back::Opened { opening, sessions: Box::new(sessions) });
            EngineNews::Ready { loaded, build }
        }
        Err(error) => {
            tracing::error!("{error}");
            EngineNews::Failed { sentence: error.to_string(), was_ready: false }
        }
    };
    let _ = tell(news).await;
}

async fn sessions(
    opening: u64,
    choice: EngineChoice,
    beside: Option<String>,
    events: &Sender<Event>,
) -> Result<Sessions, OpenError> {
    // Both halves of the way, where there are two models. A hint: when the screen is behind, the next one will do.
    let see = |from: f32, to: f32| {
        move |fraction: f32| {
            let news = EngineNews::Loading(from + fraction * (to - from));
            let _ = events.try_send(Event::Engine { opening, news });
        }
    };
    let Some(beside) = beside else {
        return Ok(Sessions { own: EngineSession::open(&choice, see(0.0, 1.0)).await?, beside: None });
    };
    let (first, second) = choice.side_by_side(&beside);
    let own = EngineSession::open(&first, see(0.0, 0.5)).await?;
    let beside = own.open_beside(&second, see(0.5, 1.0)).await?;
    Ok(Sessions { own, beside: Some(beside) })
}

/// Tells when the engine beside the other one is gone, and why.
pub(super) async fn watch_beside(opening: u64, client: EngineClient, events: Sender<Event>) {
    let mut status = client.status();
    while status.changed().await.is_ok() {}
    if let Some(error) = client.dead() {
        let sentence = format!("the model beside: {error}");
        tracing::error!("{sentence}");
        let _ = events.send(Event::Engine { opening, news: EngineNews::Failed { sentence, was_ready: true } }).await;
    }
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
