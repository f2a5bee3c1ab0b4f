//! Tests that retention removes expired data, keeps the rest whole, and can be interrupted
//! anywhere.

mod admin;
mod age;
mod budget;
mod clocks;
mod copy_and_drop;
mod damage;
mod interrupted;
mod locks;
mod payloads;
mod races;
mod rules;
mod sent_again;
mod size_budget;
mod support;
