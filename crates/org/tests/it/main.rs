//! The org from outside, over real sockets.

mod pubsub;
