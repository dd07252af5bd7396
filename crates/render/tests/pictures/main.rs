//! Pictures and data formats as a whole: goldens, what must hold of every scene, and hostile names.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that meets the unexpected has failed")]

mod corpus;
mod folding;
mod formats;
mod golden;
mod graphs;
mod invariants;
