//! Text that is safe to show: [`SafeText`], and wrapping by display width.

mod safe;
mod wrap;

pub use safe::{SafeText, Sanitiser};
pub use wrap::{pad_to, width, wrap};
