//! Text that is safe to show: [`SafeText`], wrapping by display width, and [`Flow`] for text that still grows.

mod cut;
mod flow;
mod safe;
mod wrap;

pub use cut::cut;
pub use flow::Flow;
pub use safe::{SafeText, Sanitiser};
pub use wrap::{pad_to, width, wrap};
