//! The components of pages: larger than those of `ui`, smaller than panels.

mod filter_bar;
mod filter_chips;
mod filter_form;
mod getting_started;
mod keys;
mod live_news;
mod live_switch;
mod log_filter;
mod lookup_box;
mod nav;
mod pager;
mod parameters;
mod search_dialog;
mod theme_switch;

pub(crate) use filter_bar::FilterBar;
pub(crate) use filter_chips::{FilterChips, describe_range};
pub(crate) use getting_started::GettingStarted;
pub(crate) use keys::KeyHelp;
pub(crate) use live_news::LiveNews;
pub(crate) use live_switch::LiveSwitch;
pub(crate) use log_filter::LogFilter;
pub(crate) use lookup_box::LookupBox;
pub(crate) use nav::Nav;
pub(crate) use pager::{Continue, Pager, how_far};
pub(crate) use parameters::{FaultyParameters, IgnoredParameters};
pub(crate) use theme_switch::ThemeSwitch;
