//! The org from outside, over real sockets.

mod console;
mod oauth;
mod pubsub;
mod rest;
mod web;
