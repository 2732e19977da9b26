//! What is said and drawn of histories that are not consistent.

use framework::Address;
use framework::linearizability::{
    Consistency, End, Explanation, History, Operation, STEPS_MAX, Specification, Style, check, explain,
};
use proptest::prelude::*;

use crate::brute_force::explains;
use crate::histories::{
    Happening, counter_commands, happenings, history, kv_commands, register_commands, runner,
};
use crate::specifications::{
    Counter, Kv, KvCommand, QueueCommand, Queues, Register, RegisterCommand as Command,
    RegisterResponse as Response,
};

fn explanation<S: Specification>(
    specification: &S,
    history: &History<S::Command, S::Response>,
    consistency: Consistency,
) -> Explanation {
    explain(specification, history, consistency, STEPS_MAX).unwrap().expect("it is not consistent")
}

fn client(number: u16) -> Address {
    Address::client(number)
}

fn stale_read() -> History<Command, Response> {
    let mut history = History::new();
    history.invoke(0, client(1), Command::Write(1)).unwrap();
    history.returned(2, client(1), Response::Ok).unwrap();
    history.invoke(3, client(3), Command::Read).unwrap();
    history.invoke(3, client(2), Command::Write(2)).unwrap();
    history.returned(4, client(3), Response::Value(1)).unwrap();
    history.returned(6, client(2), Response::Ok).unwrap();
    history.invoke(7, client(1), Command::Read).unwrap();
    history.invoke(8, client(3), Command::Read).unwrap();
    history.returned(10, client(3), Response::Value(1)).unwrap();
    history.returned(12, client(1), Response::Value(2)).unwrap();
    history.invoke(13, client(3), Command::Write(3)).unwrap();
    history
}

#[test]
fn a_stale_read() {
    let explanation = explanation(&Register, &stale_read(), Consistency::Linearizable);
    insta::assert_snapshot!(explanation);
    assert_eq!(explanation.core(), [0, 2, 4]);
    // In the order of each client alone there is an explanation.
    assert!(
        check(&Register, &stale_read(), Consistency::SequentiallyConsistent, STEPS_MAX)
            .unwrap()
            .is_consistent()
    );
}

#[test]
fn an_append_that_was_executed_twice() {
    let mut history: History<KvCommand, String> = History::new();
    history.invoke(0, client(1), KvCommand::Append('k', 'a')).unwrap();
    history.returned(1, client(1), "a".into()).unwrap();
    history.invoke(1, client(1), KvCommand::Append('l', 'a')).unwrap();
    history.invoke(2, client(2), KvCommand::Append('k', 'b')).unwrap();
    history.returned(3, client(2), "aab".into()).unwrap();
    insta::assert_snapshot!(explanation(&Kv { by_key: true }, &history, Consistency::Linearizable));
}

#[test]
fn a_lost_append() {
    let mut history: History<KvCommand, String> = History::new();
    history.invoke(0, client(1), KvCommand::Append('k', 'a')).unwrap();
    history.invoke(0, client(2), KvCommand::Append('k', 'b')).unwrap();
    history.returned(1, client(1), "a".into()).unwrap();
    history.returned(3, client(2), "b".into()).unwrap();
    insta::assert_snapshot!(
        explanation(&Kv { by_key: true }, &history, Consistency::Linearizable).text(Style::Ascii, 60)
    );
}

#[test]
fn a_queue_that_gives_an_item_twice() {
    let mut history: History<QueueCommand, Option<char>> = History::new();
    history.invoke(0, client(1), QueueCommand::Enq('q', 'x')).unwrap();
    history.invoke(0, client(2), QueueCommand::Enq('q', 'y')).unwrap();
    history.returned(1, client(1), None).unwrap();
    history.crashed(2, client(2)).unwrap();
    history.invoke(2, client(2), QueueCommand::Deq('q')).unwrap();
    history.invoke(3, client(1), QueueCommand::Deq('q')).unwrap();
    history.returned(3, client(2), Some('y')).unwrap();
    history.returned(4, client(1), Some('y')).unwrap();
    insta::assert_snapshot!(explanation(&Queues, &history, Consistency::Linearizable));
}

#[test]
fn two_clients_that_miss_each_other() {
    let mut history: History<KvCommand, String> = History::new();
    history.invoke(0, client(1), KvCommand::Append('k', 'a')).unwrap();
    history.returned(1, client(1), "a".into()).unwrap();
    history.invoke(1, client(1), KvCommand::Get('l')).unwrap();
    history.returned(2, client(1), String::new()).unwrap();
    history.invoke(2, client(2), KvCommand::Append('l', 'b')).unwrap();
    history.returned(3, client(2), "b".into()).unwrap();
    history.invoke(3, client(2), KvCommand::Get('k')).unwrap();
    history.returned(4, client(2), String::new()).unwrap();
    insta::assert_snapshot!(explanation(
        &Kv { by_key: false },
        &history,
        Consistency::SequentiallyConsistent
    ));
}

/// A compare-and-set that failed before there was a reason.
#[test]
fn an_effect_before_its_cause() {
    let mut history = History::new();
    history.invoke(0, client(1), Command::Write(1)).unwrap();
    history.returned(1, client(1), Response::Ok).unwrap();
    history.invoke(2, client(2), Command::CompareAndSet(1, 0)).unwrap();
    history.returned(3, client(2), Response::Refused).unwrap();
    history.invoke(3, client(2), Command::Write(2)).unwrap();
    history.invoke(3, client(1), Command::Read).unwrap();
    insta::assert_snapshot!(explanation(&Register, &history, Consistency::Linearizable));
}

/// The history in which the operations of the core are as they were, and the others of their part, as far as they had
/// begun, may have taken effect at any time.
fn weakened<S: Specification>(
    specification: &S,
    history: &History<S::Command, S::Response>,
    explanation: &Explanation,
    core: &[usize],
) -> History<S::Command, S::Response> {
    let operations = history.operations();
    let until = explanation.core().iter().filter_map(|i| operations[*i].returned_at()).max().unwrap();
    let in_time = |operation: &Operation<_, _>| {
        explanation.consistency() == Consistency::SequentiallyConsistent || operation.invoked_at <= until
    };
    let mut weakened = Vec::new();
    for (i, operation) in operations.iter().enumerate() {
        let of_part = explanation.consistency() == Consistency::SequentiallyConsistent
            || specification.partition(&operation.command) == explanation.part();
        if core.contains(&i) {
            weakened.push(operation.clone());
        } else if of_part && in_time(operation) {
            weakened.push(Operation {
                client: Address::numbered("other", i as u16),
                command: operation.command.clone(),
                invoked_at: 0,
                end: End::Pending,
            });
        }
    }
    History::from_operations(weakened).unwrap()
}

fn keep_their_promise<S: Specification>(specification: &S, commands: impl Strategy<Value = S::Command>) {
    let mut explained = 0;
    let explained = std::cell::RefCell::new(&mut explained);
    let checked = runner(600).run(&happenings(commands), |happenings: Vec<Happening<S::Command>>| {
        let history = history(specification, &happenings);
        for consistency in [Consistency::Linearizable, Consistency::SequentiallyConsistent] {
            let is_consistent = |history: &History<_, _>| explains(specification, history, consistency);
            let Some(explanation) = explain(specification, &history, consistency, STEPS_MAX).unwrap() else {
                prop_assert!(is_consistent(&history));
                continue;
            };
            **explained.borrow_mut() += 1;
            let core = explanation.core();
            prop_assert!(explanation.is_minimal());
            prop_assert!(
                !is_consistent(&weakened(specification, &history, &explanation, &core)),
                "{}",
                history
            );
            for needed in &core {
                let fewer: Vec<usize> = core.iter().copied().filter(|i| i != needed).collect();
                prop_assert!(
                    is_consistent(&weakened(specification, &history, &explanation, &fewer)),
                    "{}\n{}",
                    history,
                    explanation
                );
            }
            if let Some(until) = explanation.consistent_until() {
                prop_assert!(is_consistent(&history.until(until)), "{}\n{}", history, explanation);
                let times = history.operations().iter().filter_map(Operation::returned_at);
                let next = times.filter(|time| *time > until).min().unwrap();
                prop_assert!(!is_consistent(&history.until(next)), "{}\n{}", history, explanation);
            }
            let ascii = explanation.text(Style::Ascii, 100);
            prop_assert!(ascii.is_ascii() && !explanation.sentence().is_empty());
            for text in [ascii, explanation.to_string()] {
                prop_assert!(text.lines().all(|line| line.chars().count() <= 100), "{}", text);
            }
        }
        Ok(())
    });
    checked.unwrap();
    assert!(*explained.into_inner() > 100);
}

#[test]
fn keep_their_promise_on_a_register() {
    keep_their_promise(&Register, register_commands());
}

#[test]
fn keep_their_promise_on_a_counter() {
    keep_their_promise(&Counter, counter_commands());
}

#[test]
fn keep_their_promise_on_a_store() {
    keep_their_promise(&Kv { by_key: true }, kv_commands());
}
