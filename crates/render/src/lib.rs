//! Draws traffic graphs (SVG, PNG, DOT) and writes their data formats.
