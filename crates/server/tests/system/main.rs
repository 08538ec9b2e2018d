//! The whole program, as a process of its own, between a real database and the emulated org over real sockets: what must hold
//! whatever happens to it, and what it may cost.

mod backlog;
mod connect;
mod cost;
mod crash;
mod database;
mod doctor;
mod explain;
mod fight;
mod program;
mod stop;
mod takeover;
