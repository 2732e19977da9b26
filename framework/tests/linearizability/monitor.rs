//! The monitor against the checker and against brute force, step by step.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use framework::linearizability::{
    Consistency, History, Monitor, MonitorError, MonitorStep, STEPS_MAX, Specification, TimedStep,
    WorkerStep, check, explain,
};
use framework::{Address, AnyResult, AnyWorker, Data, WrongResult};
use proptest::prelude::*;

use crate::brute_force::configurations;
use crate::histories::{
    Happening, Seen, counter_commands, happenings, kv_commands, play, register_commands, runner,
};
use crate::specifications::{Counter, Kv, KvCommand, Register, RegisterCommand, RegisterResponse};

/// A client worker that does as the test says.
#[derive(Clone)]
pub(crate) struct Puppet<C, R> {
    pub(crate) commands: Vec<C>,
    pub(crate) results: Vec<R>,
}

impl<C, R> Puppet<C, R> {
    pub(crate) fn new() -> Self {
        Self { commands: Vec::new(), results: Vec::new() }
    }
}

impl<C: Data, R: Data> AnyWorker for Puppet<C, R> {
    fn result_count(&self) -> usize {
        self.results.len()
    }
    fn result(&self, i: usize) -> &dyn AnyResult {
        &self.results[i]
    }
    fn results(&self) -> &dyn Any {
        &self.results
    }
    fn sent_count(&self) -> usize {
        self.commands.len()
    }
    fn command_count(&self) -> Option<u64> {
        None
    }
    fn wrong_result(&self, _: Address) -> Option<WrongResult> {
        None
    }
    fn command_text(&self, _: Address, i: usize) -> Option<String> {
        Some(format!("{:?}", self.commands.get(i)?))
    }
    fn command(&self, _: Address, i: usize) -> Option<Box<dyn Any>> {
        Some(Box::new(self.commands.get(i)?.clone()))
    }
    fn types(&self) -> [(TypeId, &'static str); 2] {
        [(TypeId::of::<C>(), std::any::type_name::<C>()), (TypeId::of::<R>(), std::any::type_name::<R>())]
    }
}

/// A step of a client with its time: the worker before (unless it starts) and after (unless it crashes; then, where the
/// crash falls into a handler, the worker as it would be).
struct PuppetStep<S: Specification> {
    at: u64,
    client: Address,
    before: Option<Puppet<S::Command, S::Response>>,
    after: Option<Puppet<S::Command, S::Response>>,
    crashes: bool,
}

impl<S: Specification> PuppetStep<S> {
    fn as_step(&self) -> WorkerStep<'_> {
        let after = self.after.as_ref().map(|puppet| puppet as &dyn AnyWorker);
        match (&self.before, after) {
            (Some(before), during) if self.crashes => WorkerStep::Crashed { before, during },
            (Some(before), Some(after)) => WorkerStep::Handled { before, after },
            (None, Some(after)) => WorkerStep::Started { after },
            _ => unreachable!("a step has a worker"),
        }
    }
}

/// The steps in which clients see what they see; what one client sees at one time is one step now and then.
fn steps<S: Specification>(specification: &S, happenings: &[Happening<S::Command>]) -> Vec<PuppetStep<S>> {
    let mut up: BTreeMap<Address, Puppet<S::Command, S::Response>> = BTreeMap::new();
    let mut steps: Vec<PuppetStep<S>> = Vec::new();
    play(specification, happenings, |at, client, seen| {
        let before = up.get(&client).cloned();
        let same = steps.last_mut().filter(|last| last.client == client && last.at == at && !last.crashes);
        match seen {
            Seen::Crashed => {
                let Some(before) = up.remove(&client) else { return };
                let sent_before = |last: &PuppetStep<S>| {
                    last.before.as_ref().is_some_and(|before| {
                        before.results.len() == last.after.as_ref().unwrap().results.len()
                    })
                };
                match same {
                    // It sent and crashed in one handler.
                    Some(last) if sent_before(last) => last.crashes = true,
                    _ => steps.push(PuppetStep {
                        at,
                        client,
                        before: Some(before),
                        after: None,
                        crashes: true,
                    }),
                }
            }
            seen => {
                let mut after = before.clone().unwrap_or_else(Puppet::new);
                match seen {
                    Seen::Invoked(command) => after.commands.push(command),
                    Seen::Returned(response) => after.results.push(response),
                    Seen::Crashed => unreachable!("handled above"),
                }
                up.insert(client, after.clone());
                match same {
                    Some(last) => last.after = Some(after),
                    None => steps.push(PuppetStep { at, client, before, after: Some(after), crashes: false }),
                }
            }
        }
    });
    steps
}

/// The history of some steps, put together without the monitor's help.
fn history_of<S: Specification>(steps: &[PuppetStep<S>]) -> History<S::Command, S::Response> {
    let mut history = History::new();
    for (i, step) in steps.iter().enumerate() {
        let at = i as u64;
        let empty = Puppet::new();
        let before = step.before.as_ref().unwrap_or(&empty);
        let after = step.after.as_ref().unwrap_or(before);
        let mut waits = before.commands.len() > before.results.len();
        let mut results = after.results[before.results.len()..].iter();
        let mut commands = after.commands[before.commands.len()..].iter();
        loop {
            if waits && let Some(response) = results.next() {
                history.returned(at, step.client, response.clone()).unwrap();
                waits = false;
            } else if !waits && let Some(command) = commands.next() {
                history.invoke(at, step.client, command.clone()).unwrap();
                waits = true;
            } else {
                break;
            }
        }
        if step.crashes {
            history.crashed(at, step.client).unwrap();
        }
    }
    history
}

/// Compares the monitor with the checker after every step of many random histories, and, for objects in one part, its
/// residuals with the configurations that brute force finds.
fn agrees<S: Specification>(
    specification: impl Fn() -> S,
    commands: impl Strategy<Value = S::Command>,
    one_part: bool,
) {
    let monitor = Monitor::linearizable(specification());
    let specification = specification();
    let (violated, steps_taken) = (Cell::new(0), Cell::new(0));
    let seen: RefCell<[BTreeMap<String, String>; 2]> = RefCell::default();
    let checked = runner(1500).run(&happenings(commands), |happenings: Vec<Happening<S::Command>>| {
        let steps = steps(&specification, &happenings);
        let mut residual = monitor.initial(&[]).unwrap().residual;
        for (i, step) in steps.iter().enumerate() {
            let history = history_of(&steps[..=i]);
            let verdict = check(&specification, &history, Consistency::Linearizable, STEPS_MAX).unwrap();
            let MonitorStep { residual: next, outcome } =
                monitor.step(&residual, step.client, step.as_step()).unwrap();
            prop_assert_eq!(outcome.is_ok(), verdict.is_consistent(), "{}\n{:?}", history, outcome);
            steps_taken.set(steps_taken.get() + 1);
            if !outcome.is_ok() {
                violated.set(violated.get() + 1);
                let timed: Vec<TimedStep<'_>> = steps[..=i]
                    .iter()
                    .enumerate()
                    .map(|(at, s)| (at as u64, s.client, s.as_step()))
                    .collect();
                let explanation = monitor.explain(&timed, STEPS_MAX).unwrap();
                prop_assert_eq!(
                    explanation.map(|explanation| explanation.to_string()),
                    explain(&specification, &history, Consistency::Linearizable, STEPS_MAX)
                        .unwrap()
                        .map(|e| e.to_string())
                );
                break;
            }
            if one_part {
                let configurations = format!("{:?}", configurations(&specification, &history));
                let bytes = format!("{next:?}");
                let mut seen = seen.borrow_mut();
                let other = seen[0].entry(bytes.clone()).or_insert_with(|| configurations.clone());
                prop_assert_eq!(&*other, &configurations, "equal bytes\n{}", history);
                let other = seen[1].entry(configurations).or_insert_with(|| bytes.clone());
                prop_assert_eq!(&*other, &bytes, "equal configurations\n{}", history);
            }
            residual = next;
        }
        Ok(())
    });
    checked.unwrap();
    assert!(violated.get() > 100, "{}", violated.get());
    println!("{} steps, {} residuals", steps_taken.get(), seen.borrow()[0].len());
}

#[test]
fn agrees_on_a_register() {
    agrees(|| Register, register_commands(), true);
}

#[test]
fn agrees_on_a_counter() {
    agrees(|| Counter, counter_commands(), true);
}

#[test]
fn agrees_on_a_store_as_a_whole() {
    agrees(|| Kv { by_key: false }, kv_commands(), true);
}

#[test]
fn agrees_on_a_store_key_by_key() {
    agrees(|| Kv { by_key: true }, kv_commands(), false);
}

fn puppet(
    commands: &[RegisterCommand],
    results: &[RegisterResponse],
) -> Puppet<RegisterCommand, RegisterResponse> {
    Puppet { commands: commands.to_vec(), results: results.to_vec() }
}

#[test]
fn says_which_responses_were_possible() {
    use RegisterCommand::{Read, Write};
    use RegisterResponse::{Ok, Value};
    let monitor = Monitor::linearizable(Register);
    let (writer, reader) = (Address::client(1), Address::client(2));
    let [writes, reads] = [puppet(&[Write(1)], &[]), puppet(&[Read], &[])];
    let start = monitor.initial(&[(writer, &writes), (reader, &reads)]).unwrap();
    assert!(start.outcome.is_ok());
    type Client = Puppet<RegisterCommand, RegisterResponse>;
    let step = |residual: &[u8], client, before: &Client, after: &Client| {
        monitor.step(residual, client, WorkerStep::Handled { before, after }).unwrap()
    };
    let strange = step(&start.residual, reader, &reads, &puppet(&[Read], &[Value(7)]));
    insta::assert_snapshot!(strange.outcome.reason(), @r"
    client2 got Value(7) for Read, but after what the clients have seen so far only Value(0) or Value(1) are possible
    ");
    assert_eq!(strange.outcome.blame()[0].to_string(), "client2.results[0]");
    let wrote = step(&start.residual, writer, &writes, &puppet(&[Write(1)], &[Ok]));
    // The read began before the write returned, so it may miss it; the next may not.
    let missed = puppet(&[Read, Read], &[Value(0)]);
    let missed_once = step(&wrote.residual, reader, &reads, &missed);
    assert!(missed_once.outcome.is_ok());
    let twice = step(&missed_once.residual, reader, &missed, &puppet(&[Read, Read], &[Value(0), Value(0)]));
    insta::assert_snapshot!(twice.outcome.reason(), @r"
    client2 got Value(0) for Read, but after what the clients have seen so far only Value(1) is possible
    ");
    // Several results in one step: the second was asked for after the write had returned.
    let at_once = step(&wrote.residual, reader, &reads, &puppet(&[Read, Read], &[Value(0), Value(0)]));
    assert_eq!(at_once.outcome, twice.outcome);
    // It stays violated.
    let later = step(&twice.residual, writer, &puppet(&[Write(1)], &[Ok]), &puppet(&[Write(1), Read], &[Ok]));
    assert_eq!((later.residual, later.outcome.is_ok()), (twice.residual, false));
}

/// A client that crashes in a handler may have sent its next command already, and its result is forgotten.
#[test]
fn what_a_crashing_handler_sent_may_take_effect() {
    use RegisterCommand::{Read, Write};
    use RegisterResponse::Value;
    let monitor = Monitor::linearizable(Register);
    let (writer, reader) = (Address::client(1), Address::client(2));
    let [writes, reads] = [puppet(&[Write(1)], &[]), puppet(&[Read], &[])];
    let start = monitor.initial(&[(writer, &writes), (reader, &reads)]).unwrap().residual;
    let sees_two = |residual: &[u8]| {
        let after = puppet(&[Read], &[Value(2)]);
        let step = WorkerStep::Handled { before: &reads, after: &after };
        monitor.step(residual, reader, step).unwrap().outcome.is_ok()
    };
    let crash = |during| {
        let crashed = monitor.step(&start, writer, WorkerStep::Crashed { before: &writes, during }).unwrap();
        assert!(crashed.outcome.is_ok());
        crashed.residual
    };
    assert!(!sees_two(&crash(None)));
    let sent = puppet(&[Write(1), Write(2)], &[RegisterResponse::Ok]);
    assert!(sees_two(&crash(Some(&sent))));
}

#[test]
fn says_what_it_cannot_judge() {
    let monitor = Monitor::linearizable(Register).named("register");
    let other = Puppet::<u32, u32> { commands: vec![1], results: vec![] };
    let error = monitor.initial(&[(Address::client(1), &other)]).unwrap_err();
    insta::assert_snapshot!(error, @r"
    the commands of `client1` are `u32`, but the specification of the monitor `register` has `RegisterCommand`; give the search the monitor of this lab
    ");
    let worker = puppet(&[RegisterCommand::Read], &[RegisterResponse::Ok]);
    let step = WorkerStep::Started { after: &worker };
    let error = monitor.step(&[9, 9], Address::client(1), step).unwrap_err();
    insta::assert_snapshot!(error, @r"
    these 2 bytes are no residual of the monitor `register`; a monitor goes on from what it returned itself
    ");
    let waits = puppet(&[RegisterCommand::Read], &[]);
    let empty = monitor.initial(&[]).unwrap().residual;
    let step = WorkerStep::Handled { before: &waits, after: &worker };
    assert!(matches!(monitor.step(&empty, Address::client(1), step), Err(MonitorError::NotAResidual { .. })));

    // Nine different writes at once have more orders than anyone looks at once a read shows how they ended.
    let kv = Monitor::linearizable(Kv { by_key: false }).named("store");
    let appends: Vec<Puppet<KvCommand, String>> = ('a'..'j')
        .map(|letter| Puppet { commands: vec![KvCommand::Append('k', letter)], results: vec![] })
        .collect();
    let workers: Vec<(Address, &dyn AnyWorker)> =
        appends.iter().zip(1..).map(|(puppet, i)| (Address::client(i), puppet as &dyn AnyWorker)).collect();
    let start = kv.initial(&workers).unwrap();
    let mut after = appends[0].clone();
    after.results.push("a".to_owned());
    let step = WorkerStep::Handled { before: &appends[0], after: &after };
    let error = kv.step(&start.residual, Address::client(1), step).unwrap_err();
    insta::assert_snapshot!(error, @r"
    the monitor `store` gives up: 9 operations at once may take effect in more than 65536 ways; search with fewer clients or crashes, or tell the specification which commands only read and which part each is about
    ");
}
