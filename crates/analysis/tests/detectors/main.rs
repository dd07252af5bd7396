//! Each detector at its thresholds' edges, on traffic made for it; with one direction only; the same findings whatever
//! the split; and filters that select exactly what a finding is about.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod scene;
mod threshold;
mod traffic;
