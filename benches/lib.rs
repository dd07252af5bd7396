//! Micro benchmarks, and the side-by-side with other tools.
