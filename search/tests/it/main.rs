//! Tests of the engine from outside: exact counts, independence of threads, random systems, bad nodes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "clippy knows a test by its attribute, and helpers of tests have none"
)]

mod analyses;
mod brute_force;
mod limits;
mod monitors;
mod oracles;
mod random_systems;
mod starts;
mod stateright_agrees;
mod step_predicates;
mod tidy;
mod traces;
mod zoo;
