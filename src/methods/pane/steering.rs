//! What a pane asks of an engine beyond text and letters: directions, scores along them, the probability of whole texts.

use super::PaneContext;
use crate::domain::DirectionVectors;
use crate::engine::protocol::{
    ContrastPair, DeriveRequest, Derived, DerivedBy, DirectionRequest, Known, LayerVector, Loaded, OptionScores,
    Prompt, ScoreContinuationsRequest, ScoreOptionsRequest, Steer,
};
use crate::methods::{MethodError, Texts};

impl PaneContext {
    /// Why nothing can be steered, where nothing can: one sentence. What is not known yet is tried.
    pub(in crate::methods) fn why_not_steered(&self) -> Option<String> {
        let client = &self.engine.client;
        if !client.hello().features.iter().any(|feature| feature == "steering") {
            return Some(format!("the engine {} does not steer; use llama.cpp's", client.kind()));
        }
        let report = client.report().borrow().clone();
        let detail = report.steering_detail.map_or_else(String::new, |detail| format!(" ({detail})"));
        (report.steering.as_deref() == Some("off")).then(|| format!("this model cannot be steered{detail}"))
    }

    /// The model.
    pub(in crate::methods) fn model(&self) -> &Loaded {
        &self.engine.loaded
    }

    /// The wordings in force.
    pub(in crate::methods) fn texts(&self) -> &dyn Texts {
        &*self.texts
    }

    /// Makes the layers `layers` of `vectors` known to the engine.
    pub(in crate::methods) async fn direction(
        &self,
        vectors: &DirectionVectors,
        layers: (u32, u32),
    ) -> Result<Known, MethodError> {
        let used = vectors.layers.range(layers.0..=layers.1);
        let layers = used.map(|(layer, values)| LayerVector { layer: *layer, values: values.clone(), bias: None });
        Ok(self.engine.client.direction(DirectionRequest { layers: layers.collect() }).await?)
    }

    /// Makes a direction out of `pairs` and tries it on those `held_out`.
    pub(in crate::methods) async fn derive(
        &self,
        purpose: &str,
        pairs: Vec<ContrastPair>,
        held_out: Vec<ContrastPair>,
    ) -> Result<Derived, MethodError> {
        let request =
            DeriveRequest { pairs, held_out, by: DerivedBy::MeanDifference, echo: true, handling: self.handling() };
        let mut side = 0;
        let seen = |text, tokens| {
            let name = if side % 2 == 0 { "positive" } else { "negative" };
            self.prompt_sent(&format!("{purpose}, pair {}, {name}", side / 2 + 1), text, tokens);
            side += 1;
        };
        let derived = self.engine.client.derive_direction(request, seen).await?;
        self.add(derived.usage);
        Ok(derived)
    }

    /// The probability of each label after a prompt, as `persona` with its adapter, steered.
    pub(in crate::methods) async fn score_as(
        &self,
        persona: Option<&str>,
        purpose: &str,
        prompt: Prompt,
        labels: Vec<String>,
        steering: Vec<Steer>,
    ) -> Result<OptionScores, MethodError> {
        let request = self.scoring(persona, prompt, labels, steering);
        let scores =
            self.engine.client.score_options(request, |text, tokens| self.prompt_sent(purpose, text, tokens)).await?;
        self.add(scores.usage);
        Ok(scores)
    }

    /// The request of [`Self::score_as`].
    pub(super) fn scoring(
        &self,
        persona: Option<&str>,
        prompt: Prompt,
        labels: Vec<String>,
        steering: Vec<Steer>,
    ) -> ScoreOptionsRequest {
        let (adapters, handling) = (self.adapters_of(persona), self.handling());
        ScoreOptionsRequest { prompt, labels, echo: true, steering, adapters, handling }
    }

    /// The natural logarithm of the probability of each token of `text` after `before`, both as plain text, steered.
    pub(in crate::methods) async fn expected(
        &self,
        purpose: &str,
        before: &str,
        text: &str,
        steering: Vec<Steer>,
    ) -> Result<Vec<f64>, MethodError> {
        let request = ScoreContinuationsRequest {
            prompt: Prompt::Raw { text: before.to_owned() },
            continuations: vec![text.to_owned()],
            echo: true,
            steering,
            adapters: Vec::new(),
            handling: self.handling(),
        };
        let sent = |shown: String, tokens| self.prompt_sent(purpose, shown + text, tokens);
        let mut scores = self.engine.client.score_continuations(request, sent).await?;
        self.add(scores.usage);
        // The client has checked that there is one answer for each text.
        Ok(scores.logprobs.pop().unwrap_or_default())
    }
}
