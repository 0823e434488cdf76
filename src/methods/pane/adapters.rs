//! Personas that answer with an adapter.

use super::PaneContext;
use crate::domain::Lora;
use crate::engine::protocol::{Adapted, AdapterRequest};
use crate::methods::MethodError;

impl PaneContext {
    /// Makes the adapters of the personas known to the engine: from now on each speaks and chooses with its own. Tells of
    /// each in a sentence for the record.
    pub(in crate::methods) async fn with_adapters(&self) -> Result<Vec<String>, MethodError> {
        let mut told = Vec::new();
        for persona in &self.spec.personas {
            let Some(Lora { file, scale }) = &persona.lora else { continue };
            let path = file.display().to_string();
            let known = self.engine.client.adapter(AdapterRequest { path }).await?;
            told.push(format!("`{}` answers with the LoRA adapter {} at the scale {scale}", persona.id, known.adapter));
            let adapted = Adapted { adapter: known.adapter, scale: *scale };
            self.state().adapters.insert(persona.id.clone(), adapted);
        }
        Ok(told)
    }

    pub(super) fn adapters_of(&self, persona: Option<&str>) -> Vec<Adapted> {
        persona.and_then(|persona| self.state().adapters.get(persona).cloned()).into_iter().collect()
    }
}
