//! Runs other programs: in the foreground, captured, streamed and captured, or as a service.

mod command;
mod service;

pub(crate) use command::Cmd;
pub(crate) use service::Service;
