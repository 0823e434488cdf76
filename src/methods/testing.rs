//! Heads of runs made by hand.

use crate::domain::{Beside, EngineFacts, ModelFacts, QuestionShown, RunHead, Settings};

/// The head of a run of the model `base`, and of another beside it whose pane is the second.
pub(super) fn head(beside: Option<&str>) -> RunHead {
    let model = ModelFacts { name: "base".into(), ..ModelFacts::default() };
    let engine = EngineFacts::default();
    RunHead {
        id: "r".into(),
        started: "2026-11-23T16:00:00Z".into(),
        seed: 1,
        beside: beside.map(|name| Beside {
            name: name.into(),
            model: model.clone(),
            engine: engine.clone(),
            panes: vec![1],
        }),
        model,
        engine,
        question: QuestionShown { pack: String::new(), id: "q".into(), text: "?".into(), options: Vec::new() },
        personas: Vec::new(),
        settings: Settings { max_tokens: 1, samples: 1, temperature: None, top_p: None, methods: Vec::new() },
        fingerprint: None,
    }
}
