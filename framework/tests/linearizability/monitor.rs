//! The monitor against the checker and against brute force, step by step.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use framework::linearizability::{
    Consistency, History, Monitor, MonitorStep, STEPS_MAX, Specification, WorkerStep, check,
};
use framework::{Address, AnyResult, AnyWorker, Data, WrongResult};
use proptest::prelude::*;

use crate::brute_force::configurations;
use crate::histories::{
    Happening, Seen, counter_commands, happenings, kv_commands, play, register_commands, runner,
};
use crate::specifications::{Counter, Kv, Register};

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
