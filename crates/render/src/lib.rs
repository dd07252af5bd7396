//! Draws traffic graphs (SVG, PNG, DOT) and writes their data formats.
//!
//! A [`View`] is what is shown. A [`Layout`](layout::Layout) gives positions, the scene resolves them with
//! all text and colours, and the backends only draw it. Data formats skip the scene.

pub mod layout;
mod view;

pub use view::View;
