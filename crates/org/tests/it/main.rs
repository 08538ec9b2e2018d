//! The org from outside, over real sockets.

mod access;
mod console;
mod oauth;
mod pubsub;
mod rest;
mod web;
