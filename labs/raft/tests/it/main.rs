// INSTRUCTOR ONLY
//! Tests of the lab itself: the reference, the predicates, other right designs, and solutions that are worth nothing.
#![cfg(test)]

mod confchange;
mod configurations;
mod designs;
mod flaws;
mod members;
mod nulls;
mod predicates;
mod published;
mod reference;
mod right;
mod support;
mod worthless;
