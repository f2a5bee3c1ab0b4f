//! The pages, one module each: the URL parameters, the data that a page reads, the panels on it.

mod logs;
mod lookup;
mod not_found;
mod storage;
mod trace;
mod traces;

pub(crate) use logs::LogsPage;
pub(crate) use lookup::LookupPage;
pub(crate) use not_found::NotFoundPage;
pub(crate) use storage::StoragePage;
pub(crate) use trace::TracePage;
pub(crate) use traces::TracesPage;
