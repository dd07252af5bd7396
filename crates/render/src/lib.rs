//! Draws traffic graphs (SVG, PNG, DOT) and writes their data formats.
//!
//! A [`View`] is what is shown. A [`Layout`](layout::Layout) gives positions, the [`Scene`](scene::Scene)
//! resolves them with all text and colours, and the backends only draw it. Data formats skip the scene.
//!
//! To add a format: one file in `format/`, and one row in the table in `format/mod.rs`.

mod belonging;
mod caption;
pub mod escape;
mod findings;
pub mod fold;
mod format;
pub mod function;
mod grouping;
pub mod layout;
pub mod quantity;
pub mod scene;
mod shape;
mod text;
pub mod theme;
mod view;

pub use belonging::ColorBy;
pub use format::{Format, Kind, RenderError, RenderOptions, UnknownFormat, render};
pub use grouping::Grouping;
pub use shape::{Shape, UnknownShape};
pub use text::Style;
pub use view::View;
