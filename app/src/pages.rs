//! One page a module: what it is asked for, what it reads, which panels show it.

mod lookup;
mod not_found;
mod storage;
mod trace;
mod traces;

pub(crate) use lookup::LookupPage;
pub(crate) use not_found::NotFoundPage;
pub(crate) use storage::StoragePage;
pub(crate) use trace::TracePage;
pub(crate) use traces::TracesPage;
