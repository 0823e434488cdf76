//! Steered: the answer as someone.

pub(super) mod direction;
mod fan;
pub(super) mod persona_prompt;
mod recipe;

pub use recipe::Recipe;
