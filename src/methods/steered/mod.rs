//! Steered: the answer as someone.

pub(super) mod persona_prompt;
