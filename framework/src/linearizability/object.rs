//! The object of a specification with its states, commands and responses numbered, and what was executed remembered.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::encoding::{EncodeError, encode};
use crate::linearizability::specification::Specification;

/// Numbers for byte strings. The hash only makes comparisons short: equal hashes are compared in full.
#[derive(Default)]
pub(crate) struct Numbers(BTreeMap<(u64, Box<[u8]>), usize>);

impl Numbers {
    /// The number of these bytes, and whether they are new.
    pub(crate) fn number(&mut self, bytes: Vec<u8>) -> (usize, bool) {
        let next = self.0.len();
        let number = *self.0.entry((xxh3_64(&bytes), bytes.into_boxed_slice())).or_insert(next);
        (number, number == next)
    }
}

/// A specification whose states, commands and responses are numbers.
///
/// Only what a search comes across is ever executed and kept, so objects with infinitely many states are no problem.
pub(crate) struct Object<'s, S: Specification> {
    specification: &'s S,
    states: Vec<S::State>,
    state_numbers: Numbers,
    /// Each with whether it only reads.
    commands: Vec<(S::Command, bool)>,
    command_numbers: Numbers,
    responses: Vec<S::Response>,
    response_numbers: Numbers,
    steps: BTreeMap<(usize, usize), (usize, usize)>,
}

impl<'s, S: Specification> Object<'s, S> {
    /// The number of the initial state.
    pub(crate) const INITIAL: usize = 0;

    pub(crate) fn new(specification: &'s S) -> Result<Self, EncodeError> {
        let mut object = Self {
            specification,
            states: Vec::new(),
            state_numbers: Numbers::default(),
            commands: Vec::new(),
            command_numbers: Numbers::default(),
            responses: Vec::new(),
            response_numbers: Numbers::default(),
            steps: BTreeMap::new(),
        };
        object.number_state(specification.initial())?;
        Ok(object)
    }

    pub(crate) fn number_state(&mut self, state: S::State) -> Result<usize, EncodeError> {
        let (number, new) = self.state_numbers.number(encode(&state)?);
        if new {
            self.states.push(state);
        }
        Ok(number)
    }

    pub(crate) fn number_command(&mut self, command: &S::Command) -> Result<usize, EncodeError> {
        let (number, new) = self.command_numbers.number(encode(command)?);
        if new {
            self.commands.push((command.clone(), self.specification.only_reads(command)));
        }
        Ok(number)
    }

    pub(crate) fn only_reads(&self, command: usize) -> bool {
        self.commands[command].1
    }

    pub(crate) fn number_response(&mut self, response: &S::Response) -> Result<usize, EncodeError> {
        let (number, new) = self.response_numbers.number(encode(response)?);
        if new {
            self.responses.push(response.clone());
        }
        Ok(number)
    }

    pub(crate) fn state(&self, number: usize) -> &S::State {
        &self.states[number]
    }

    pub(crate) fn command(&self, number: usize) -> &S::Command {
        &self.commands[number].0
    }

    pub(crate) fn response(&self, number: usize) -> &S::Response {
        &self.responses[number]
    }

    /// The state after a command, and the response.
    pub(crate) fn apply(&mut self, state: usize, command: usize) -> Result<(usize, usize), EncodeError> {
        if let Some(step) = self.steps.get(&(state, command)) {
            return Ok(*step);
        }
        let mut next = self.states[state].clone();
        let (command_value, only_reads) = &self.commands[command];
        let only_reads = *only_reads;
        let response = self.specification.apply(&mut next, command_value);
        let step = (self.number_state(next)?, self.number_response(&response)?);
        assert!(
            !only_reads || step.0 == state,
            "the specification says that `{:?}` only reads, but it changes the state `{:?}`; correct `only_reads`",
            self.commands[command].0,
            self.states[state]
        );
        self.steps.insert((state, command), step);
        Ok(step)
    }
}
