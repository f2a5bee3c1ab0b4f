//! What is past its time goes, what is kept stays whole, and a run may break off anywhere.

mod admin;
mod age;
mod budget;
mod copy_and_drop;
mod damage;
mod interrupted;
mod locks;
mod payloads;
mod races;
mod rules;
mod sent_again;
mod support;
