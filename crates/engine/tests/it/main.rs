//! What the engine promises, where no org and no store is needed to see it.

#![expect(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

mod budget;
mod error_policy;
mod plan;
mod precedence;
