//! From the state to a frame. Nothing here changes anything: the state goes in, cells and the sizes of the parts come out.

mod banner;
mod canvas;
pub mod chart;
mod column;
mod document;
mod figure;
mod grid;
mod lines;
mod overlay;
pub mod palette;
pub mod panes;
mod population;
mod root;
mod said;
mod setup;
mod status;
mod survey;
mod tiles;
mod tokens;
mod widgets;

pub use palette::Palette;
pub use root::draw;
