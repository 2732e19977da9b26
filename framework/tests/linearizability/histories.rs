//! Random histories: what clients of an object saw that is right most of the time and answers from an old state now
//! and then.

use framework::Address;
use framework::linearizability::{History, Specification};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::specifications::{KvCommand, RegisterCommand};

/// What happens next, in a world in which it may be impossible; then it does not happen.
#[derive(Clone, Debug)]
pub(crate) enum Happening<C> {
    /// A client that does not wait asks for something.
    Invoke(usize, C),
    /// What a client asked for takes effect.
    TakeEffect(usize),
    /// A client gets its response, after the effect.
    Return(usize),
    /// A client gets the response that its command would have had in the `n`-th state of the object.
    ReturnFromThePast(usize, usize),
    /// A client crashes.
    Crash(usize),
    /// Time passes.
    Tick,
}

/// At most so many operations, because brute force tries all orders.
const OPERATIONS_MAX: usize = 7;

fn happening<C: Clone + std::fmt::Debug>(
    commands: impl Strategy<Value = C>,
) -> impl Strategy<Value = Happening<C>> {
    let client = || 0_usize..3;
    prop_oneof![
        5 => (client(), commands).prop_map(|(client, command)| Happening::Invoke(client, command)),
        2 => client().prop_map(Happening::TakeEffect),
        4 => client().prop_map(Happening::Return),
        4 => (client(), 0_usize..6).prop_map(|(client, n)| Happening::ReturnFromThePast(client, n)),
        1 => client().prop_map(Happening::Crash),
        8 => Just(Happening::Tick),
    ]
}

/// Runs this many cases, the same ones every time.
pub(crate) fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

pub(crate) fn happenings<C: Clone + std::fmt::Debug>(
    commands: impl Strategy<Value = C>,
) -> impl Strategy<Value = Vec<Happening<C>>> {
    prop::collection::vec(happening(commands), 0..60)
}

pub(crate) fn register_commands() -> impl Strategy<Value = RegisterCommand> {
    prop_oneof![
        Just(RegisterCommand::Read),
        (1_u8..3).prop_map(RegisterCommand::Write),
        (0_u8..3, 0_u8..3).prop_map(|(old, new)| RegisterCommand::CompareAndSet(old, new)),
    ]
}

pub(crate) fn counter_commands() -> impl Strategy<Value = u32> {
    0_u32..3
}

pub(crate) fn kv_commands() -> impl Strategy<Value = KvCommand> {
    let key = || prop::sample::select(vec!['k', 'l']);
    let value = || prop::sample::select(vec!['a', 'b']);
    prop_oneof![
        2 => key().prop_map(KvCommand::Get),
        1 => (key(), value()).prop_map(|(key, value)| KvCommand::Put(key, value)),
        3 => (key(), value()).prop_map(|(key, value)| KvCommand::Append(key, value)),
    ]
}

/// What is seen of these happenings.
pub(crate) enum Seen<C, R> {
    Invoked(C),
    Returned(R),
    Crashed,
}

/// A command that waits, with its response if it has taken effect.
type Waiting<S> = (<S as Specification>::Command, Option<<S as Specification>::Response>);

/// Plays the happenings with an object and tells `see` what clients see, and when.
pub(crate) fn play<S: Specification>(
    specification: &S,
    happenings: &[Happening<S::Command>],
    mut see: impl FnMut(u64, Address, Seen<S::Command, S::Response>),
) {
    let mut past = vec![specification.initial()];
    let mut waiting: [Option<Waiting<S>>; 3] = [None, None, None];
    let mut operations = 0;
    let mut time = 0;
    for happening in happenings {
        let mut take_effect = |waiting: &mut (S::Command, Option<S::Response>)| {
            if waiting.1.is_none() {
                let mut state = past.last().unwrap().clone();
                waiting.1 = Some(specification.apply(&mut state, &waiting.0));
                past.push(state);
            }
            waiting.1.clone().unwrap()
        };
        let address = |client: usize| Address::client(client as u16 + 1);
        match happening {
            Happening::Invoke(client, command) => {
                if waiting[*client].is_none() && operations < OPERATIONS_MAX {
                    operations += 1;
                    waiting[*client] = Some((command.clone(), None));
                    see(time, address(*client), Seen::Invoked(command.clone()));
                }
            }
            Happening::TakeEffect(client) => {
                if let Some(waiting) = &mut waiting[*client] {
                    take_effect(waiting);
                }
            }
            Happening::Return(client) => {
                if let Some(mut waiting) = waiting[*client].take() {
                    let response = take_effect(&mut waiting);
                    see(time, address(*client), Seen::Returned(response));
                }
            }
            Happening::ReturnFromThePast(client, n) => {
                if let Some(mut waiting) = waiting[*client].take() {
                    take_effect(&mut waiting);
                    let mut state = past[*n % past.len()].clone();
                    let response = specification.apply(&mut state, &waiting.0);
                    see(time, address(*client), Seen::Returned(response));
                }
            }
            Happening::Crash(client) => {
                waiting[*client] = None;
                see(time, address(*client), Seen::Crashed);
            }
            Happening::Tick => time += 1,
        }
    }
}

/// The history that the clients saw.
pub(crate) fn history<S: Specification>(
    specification: &S,
    happenings: &[Happening<S::Command>],
) -> History<S::Command, S::Response> {
    let mut history = History::new();
    play(specification, happenings, |at, client, seen| {
        match seen {
            Seen::Invoked(command) => history.invoke(at, client, command),
            Seen::Returned(response) => history.returned(at, client, response),
            Seen::Crashed => history.crashed(at, client),
        }
        .unwrap();
    });
    history
}
