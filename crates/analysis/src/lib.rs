//! Key nodes and findings in traffic graphs, as pure functions.
