//! What the model promises, by properties and examples.

mod attribute;
mod convert;
mod record;
