//! What stands in a pane: state in, lines out.

mod across;
mod distribution;
mod groups;
mod measures;
mod members;
mod orders;
mod reading;
mod scale;
mod settling;
mod steered;
mod together;
mod tokens;
mod weights;

pub use distribution::{Shown, distribution};
pub use groups::groups;
pub use measures::strip;
pub use members::Members;
pub use orders::orders;
pub use reading::called;
pub use scale::scale;
pub use settling::settling;
pub use steered::shifts;
pub use together::together;
pub use tokens::tokens;
pub use weights::weights;

#[cfg(test)]
mod charts_tests;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
