//! Instances seen from outside: launch at most once, find the overdue ones, and the ports to EC2.
//!
//! * [`launch`] is the state machine of one launch: at most one instance, wherever a reply is lost.
//! * [`reap`] plans which instances have outlived their time; it never plans more than it shows.
//! * [`cloud`] holds the ports to EC2, one per noun, with a memory fake and a failing decorator.
//!
//! The crate is pure: it knows no clock, file, socket, environment or AWS SDK.

pub mod cloud;
pub mod launch;
pub mod reap;
