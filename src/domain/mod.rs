//! The nouns of Parallax, as pure types.

mod asked;
mod assemble;
mod event;
pub mod limits;
mod mode;
mod pane;
mod persona;
mod question;
mod reference;
mod run;

pub use asked::BadQuestion;
pub use assemble::Assembler;
pub use event::{PromptSent, RunEvent};
pub use mode::{Mode, UnknownMode};
pub use pane::{
    BeforeSteering, CorrectedShown, Finish, Measure, MixtureFit, MixtureShown, Obtained, OrderShown, Pane, PaneStatus,
    PersonaDistribution, PopulationDistribution, ReferenceShown, SampledVoice, SamplerShown, SteeredAt, TokenSaid,
    TokenShown, Voice,
};
pub use persona::{DirectionVectors, Lora, Persona, PersonaDirection};
pub use question::{AnswerOption, Form, OptionOrder, Perspective, Question, Role, Scale, Stance, Turn, TurnRole};
pub use reference::{Basis, Population, Reference};
pub use run::{
    Beside, EngineFacts, ModelFacts, OptionShown, PaneTiming, QuestionShown, Run, RunHead, SCHEMA, Settings, Timing,
};
