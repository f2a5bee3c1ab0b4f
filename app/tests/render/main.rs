//! Pages as a server sends them, rendered from spans in memory.

mod escaping;
mod html;
mod page;

mod list;
mod log_list;
mod logs;
mod lookup;
mod shell;
mod storage;
mod trace;
mod values;
