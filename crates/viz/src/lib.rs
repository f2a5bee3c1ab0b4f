//! Turns trace data into geometry and text: scales, bars, chart paths, colours, durations.
//!
//! Pure: no clock, no I/O, no framework. Builds for `wasm32-unknown-unknown`.

pub mod axis;
pub mod number;
pub mod palette;
pub mod quantity;
pub mod sql;
pub mod time_chart;
pub mod visible;
pub mod waterfall;

pub use axis::{Tick, nice_ceiling, ticks};
pub use number::{format_bytes, format_count, format_percent};
pub use palette::colour_of;
pub use quantity::{format_ago, format_duration};
pub use sql::{SqlPart, highlight_sql};
pub use time_chart::{ChartSize, TimeChart};
pub use visible::visible;
pub use waterfall::Timeline;
