//! What stands in a pane: state in, lines out.

mod distribution;
mod measures;
mod reading;
mod steered;

pub use distribution::distribution;
pub use measures::strip;
pub use steered::shifts;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
