//! The checkers and the monitor of `framework::linearizability`, compared with plain brute force on random histories,
//! and asked for known examples.
#![cfg(test)]

mod brute_force;
mod checker;
mod explanations;
mod histories;
mod literature;
mod monitor;
mod predicate;
mod specifications;
