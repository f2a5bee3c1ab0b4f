//! The store against a real Postgres; each test has a database of its own.

mod aliases;
mod bounds;
mod cap;
mod directory;
mod duplicates;
mod events;
mod faults;
mod list;
mod live;
mod lock_order;
mod lookup;
mod pages;
mod partitions;
mod payloads;
mod read_back;
mod receipt;
mod retention;
mod rollups;
mod row_marks;
mod search;
mod seed;
mod sql_functions;
mod statistics;
mod support;
mod tenants;
mod totals;
