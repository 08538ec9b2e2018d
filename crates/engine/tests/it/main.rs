//! What the engine promises, where no org and no store is needed to see it.

mod error_policy;
mod plan;
