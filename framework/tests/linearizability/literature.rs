//! Known examples, from Herlihy and Wing, "Linearizability" (TOPLAS 1990), and from others.

use framework::Address;
use framework::linearizability::{Consistency, History, STEPS_MAX, Specification, Verdict, check};

use crate::specifications::{
    QueueCommand,
    QueueCommand::{Deq, Enq},
    Queues, Register, RegisterCommand as Command, RegisterResponse as Response,
};

const A: Address = Address::named("A");
const B: Address = Address::named("B");
const C: Address = Address::named("C");

fn is<S: Specification>(
    specification: &S,
    history: &History<S::Command, S::Response>,
    consistency: Consistency,
) -> bool {
    match check(specification, history, consistency, STEPS_MAX).unwrap() {
        Verdict::Consistent { .. } => true,
        Verdict::Inconsistent { .. } => false,
        Verdict::Undecided { steps } => panic!("undecided after {steps} steps"),
    }
}

/// An operation: client, command, when it was invoked, when it returned and with what.
type Row<C, R> = (Address, C, u64, Option<(u64, R)>);

fn history<C: std::fmt::Debug + Clone, R: Clone>(operations: &[Row<C, R>]) -> History<C, R> {
    use framework::linearizability::{End, Operation};
    let operations = operations.iter().cloned().map(|(client, command, invoked_at, returned)| Operation {
        client,
        command,
        invoked_at,
        end: returned.map_or(End::Pending, |(at, response)| End::Returned { at, response }),
    });
    History::from_operations(operations.collect()).unwrap()
}

fn queue(operations: &[Row<QueueCommand, Option<char>>]) -> [bool; 2] {
    let history = history(operations);
    [Consistency::Linearizable, Consistency::SequentiallyConsistent].map(|c| is(&Queues, &history, c))
}

/// Herlihy and Wing, figure 1, the queue histories.
#[test]
fn queues_of_figure_1() {
    // Both enqueue at once; whatever comes first goes first.
    let h1 = [
        (A, Enq('q', 'x'), 0, Some((2, None))),
        (B, Enq('q', 'y'), 1, Some((3, None))),
        (B, Deq('q'), 4, Some((6, Some('x')))),
        (A, Deq('q'), 5, Some((7, Some('y')))),
        (A, Enq('q', 'z'), 8, Some((9, None))),
    ];
    assert_eq!(queue(&h1), [true, true]);
    // x was enqueued before y was, but y is dequeued.
    let h2 = [
        (A, Enq('q', 'x'), 0, Some((1, None))),
        (B, Enq('q', 'y'), 2, Some((3, None))),
        (A, Deq('q'), 4, Some((5, Some('y')))),
    ];
    assert_eq!(queue(&h2), [false, true]);
    // The enqueue has not returned, but has taken effect.
    let h3 = [(A, Enq('q', 'x'), 0, None), (B, Deq('q'), 1, Some((2, Some('x'))))];
    assert_eq!(queue(&h3), [true, true]);
    // y is dequeued twice.
    let h4 = [
        (A, Enq('q', 'x'), 0, Some((2, None))),
        (B, Enq('q', 'y'), 1, Some((3, None))),
        (A, Deq('q'), 4, Some((6, Some('y')))),
        (C, Deq('q'), 5, Some((7, Some('y')))),
    ];
    assert_eq!(queue(&h4), [false, false]);
}

/// Herlihy and Wing, section 3.3: each queue by itself is sequentially consistent, both together are not.
#[test]
fn sequential_consistency_is_not_local() {
    let h7 = [
        (A, Enq('p', 'x'), 0, Some((1, None))),
        (B, Enq('q', 'y'), 2, Some((3, None))),
        (A, Enq('q', 'x'), 4, Some((5, None))),
        (B, Enq('p', 'y'), 6, Some((7, None))),
        (A, Deq('p'), 8, Some((9, Some('y')))),
        (B, Deq('q'), 10, Some((11, Some('x')))),
    ];
    assert_eq!(queue(&h7), [false, false]);
    for part in ['p', 'q'] {
        let of_part = |command: &_| {
            let (Enq(queue, _) | Deq(queue)) = command;
            *queue == part
        };
        let only: Vec<_> = h7.iter().filter(|operation| of_part(&operation.1)).cloned().collect();
        assert_eq!(queue(&only), [false, true]);
    }
}

/// Once a read has seen a write, no later read misses it (no "new-old inversion"; Lamport, "On interprocess
/// communication", 1986).
#[test]
fn a_register_does_not_go_back() {
    let read = |client, from, to, value| (client, Command::Read, from, Some((to, Response::Value(value))));
    let write = (A, Command::Write(1), 0, Some((9, Response::Ok)));
    let linearizable = |operations: &[_]| is(&Register, &history(operations), Consistency::Linearizable);
    assert!(linearizable(&[write.clone(), read(B, 1, 2, 0), read(B, 3, 4, 1), read(C, 5, 6, 1)]));
    assert!(!linearizable(&[write.clone(), read(B, 1, 2, 1), read(C, 3, 4, 0)]));
    // Two reads at once may see different values.
    assert!(linearizable(&[write, read(B, 1, 3, 1), read(C, 2, 4, 0)]));
}

/// Store buffering: each client writes one register and reads the other, and both read the old value (the first
/// example of Lamport 1979).
#[test]
fn store_buffering_is_not_sequentially_consistent() {
    let h = [
        (A, Enq('x', '1'), 0, Some((1, None))),
        (B, Enq('y', '1'), 0, Some((1, None))),
        (A, Deq('y'), 2, Some((3, None))),
        (B, Deq('x'), 2, Some((3, None))),
    ];
    assert_eq!(queue(&h), [false, false]);
}
