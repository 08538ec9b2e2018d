//! Random mappings against a model: people change things at both sides one after the other, and each time all is quiet, both sides
//! are to be as an independent model says. Nothing goes wrong here; what trouble does is what [`crate::simulate`] plays.

mod case;
mod draw;
mod fact;
mod model;
mod play;

pub use case::Case;
pub use play::play;
