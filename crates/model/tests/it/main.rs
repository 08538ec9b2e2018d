//! What the model promises, by properties and examples.

#![expect(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

mod attribute;
mod convert;
mod path;
mod record;
