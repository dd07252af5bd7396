//! Pictures and data formats as a whole: goldens, what must hold of every scene, and hostile names.

mod formats;
mod golden;
mod graphs;
mod invariants;
