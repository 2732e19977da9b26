//! The checker against brute force.

use std::cell::Cell;

use framework::Address;
use framework::linearizability::{Consistency, History, STEPS_MAX, Specification, Verdict, check};
use proptest::prelude::*;

use crate::brute_force::{explains, is_explained_by};
use crate::histories::{
    Happening, counter_commands, happenings, history, kv_commands, register_commands, runner,
};
use crate::specifications::{Counter, Kv, Register, RegisterCommand, RegisterResponse};

/// Compares the checker with brute force on thousands of histories, and sees to it that both answers occur.
pub(crate) fn agrees<S: Specification>(specification: &S, commands: impl Strategy<Value = S::Command>) {
    let (explained, not) = (Cell::new(0), Cell::new(0));
    let mut runner = runner(3000);
    let checked = runner.run(&happenings(commands), |happenings: Vec<Happening<S::Command>>| {
        let history = history(specification, &happenings);
        for consistency in [Consistency::Linearizable, Consistency::SequentiallyConsistent] {
            let expected = explains(specification, &history, consistency);
            let counter = if expected { &explained } else { &not };
            counter.set(counter.get() + 1);
            match check(specification, &history, consistency, STEPS_MAX).unwrap() {
                Verdict::Consistent { orders } => {
                    prop_assert!(expected, "brute force: not {consistency}\n{history}");
                    for (part, order) in &orders {
                        prop_assert!(
                            is_explained_by(specification, &history, part, consistency, order),
                            "{order:?} does not explain part `{part}`\n{history}"
                        );
                    }
                }
                Verdict::Inconsistent { .. } => {
                    prop_assert!(!expected, "brute force: {consistency}\n{history}");
                }
                Verdict::Undecided { steps } => prop_assert!(false, "undecided after {steps}\n{history}"),
            }
        }
        Ok(())
    });
    checked.unwrap();
    assert!(explained.get() > 500 && not.get() > 500, "{} and {}", explained.get(), not.get());
}

#[test]
fn agrees_with_brute_force_on_a_register() {
    agrees(&Register, register_commands());
}

#[test]
fn agrees_with_brute_force_on_a_counter() {
    agrees(&Counter, counter_commands());
}

#[test]
fn agrees_with_brute_force_on_a_store_as_a_whole() {
    agrees(&Kv { by_key: false }, kv_commands());
}

#[test]
fn agrees_with_brute_force_on_a_store_key_by_key() {
    agrees(&Kv { by_key: true }, kv_commands());
}

#[test]
fn out_of_steps_is_undecided_and_not_a_pass() {
    let mut history = History::new();
    for client in 1..=9 {
        history.invoke(0, Address::client(client), RegisterCommand::Write(client as u8)).unwrap();
    }
    for client in 1..=9 {
        history.returned(1, Address::client(client), RegisterResponse::Ok).unwrap();
    }
    history.invoke(2, Address::client(1), RegisterCommand::Read).unwrap();
    history.returned(3, Address::client(1), RegisterResponse::Value(77)).unwrap();
    let verdict = |steps_max| check(&Register, &history, Consistency::Linearizable, steps_max).unwrap();
    assert_eq!(verdict(1000), Verdict::Undecided { steps: 1000 });
    assert_eq!(verdict(STEPS_MAX), Verdict::Inconsistent { part: String::new() });
}
