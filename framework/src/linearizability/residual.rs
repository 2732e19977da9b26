//! What is left of a history once everything that no longer matters is forgotten: the configurations it may be in.
//!
//! A configuration is a state of the object and, for each operation that waits, whether it has taken effect and with
//! which response. Source: the "just-in-time linearization" of Lowe, "Testing for linearizability" (CCPE 2017).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::encoding::{DecodeError, EncodeError, decode, encode};
use crate::linearizability::object::Object;
use crate::linearizability::specification::Specification;

/// A part of the object as it is written: numbers are replaced by the bytes they stand for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Written {
    /// The clients that wait, sorted; each with its command, unless that has taken effect in all configurations.
    waiting: Vec<(Address, Option<Vec<u8>>)>,
    configurations: BTreeSet<WrittenConfiguration>,
}

impl Written {
    /// Whether no order explains what happened.
    pub(crate) fn is_violated(&self) -> bool {
        self.configurations.is_empty()
    }
}

/// State, responses of the operations that wait and have taken effect, and commands of crashed clients that may yet.
type WrittenConfiguration = (Vec<u8>, Vec<Option<Vec<u8>>>, Vec<Vec<u8>>);

/// The configurations of one part of the object.
///
/// Of the possible configurations only the **earliest** are kept: those that no other becomes by letting operations that
/// wait take effect. The others are those that the earliest become, so two histories with the same possible
/// configurations have the same earliest ones, and the same bytes; different ones have different bytes.
#[derive(Debug)]
pub(crate) struct Residual {
    waiting: Vec<(Address, Option<usize>)>,
    earliest: BTreeSet<Configuration>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Configuration {
    state: usize,
    /// For each client that waits, the response if its command has taken effect.
    responses: Vec<Option<usize>>,
    /// Sorted: the commands of crashed clients that may take effect yet. Nobody will ever see their responses, so one that
    /// has is forgotten, and it does not matter whose they are.
    lost: Vec<usize>,
}

/// Why a residual cannot go on.
#[derive(Debug)]
pub(crate) enum ResidualError {
    Encode(EncodeError),
    /// It is not one that the monitor made.
    Foreign,
    /// There are more configurations than this.
    TooMany,
}

impl From<EncodeError> for ResidualError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<DecodeError> for ResidualError {
    fn from(_: DecodeError) -> Self {
        Self::Foreign
    }
}

/// More configurations than this are not looked at: about a second for one step.
pub(crate) const CONFIGURATIONS_MAX: usize = 1 << 16;

impl Residual {
    /// Nothing has happened.
    pub(crate) fn new(initial: usize) -> Self {
        let configuration = Configuration { state: initial, responses: Vec::new(), lost: Vec::new() };
        Self { waiting: Vec::new(), earliest: BTreeSet::from([configuration]) }
    }

    pub(crate) fn read<S: Specification>(
        written: &Written,
        object: &mut Object<'_, S>,
    ) -> Result<Self, ResidualError> {
        let mut waiting = Vec::with_capacity(written.waiting.len());
        for (client, command) in &written.waiting {
            let command = match command {
                Some(bytes) => Some(object.number_command(&decode(bytes)?)?),
                None => None,
            };
            waiting.push((*client, command));
        }
        let mut earliest = BTreeSet::new();
        for (state, responses, lost) in &written.configurations {
            let mut configuration = Configuration {
                state: object.number_state(decode(state)?)?,
                responses: Vec::with_capacity(responses.len()),
                lost: Vec::with_capacity(lost.len()),
            };
            for response in responses {
                configuration.responses.push(match response {
                    Some(bytes) => Some(object.number_response(&decode(bytes)?)?),
                    None => None,
                });
            }
            for command in lost {
                configuration.lost.push(object.number_command(&decode(command)?)?);
            }
            configuration.lost.sort_unstable();
            earliest.insert(configuration);
        }
        Ok(Self { waiting, earliest })
    }

    pub(crate) fn write<S: Specification>(&self, object: &Object<'_, S>) -> Result<Written, EncodeError> {
        let command = |number: usize| encode(object.command(number));
        let waiting =
            self.waiting.iter().map(|(client, number)| Ok((*client, number.map(command).transpose()?)));
        let configurations = self.earliest.iter().map(|configuration| {
            let responses = configuration.responses.iter();
            let lost = configuration.lost.iter();
            // Numbers depend on the past; bytes do not.
            let mut lost = lost.map(|number| command(*number)).collect::<Result<Vec<_>, _>>()?;
            lost.sort_unstable();
            Ok((
                encode(object.state(configuration.state))?,
                responses
                    .map(|response| response.map(|number| encode(object.response(number))).transpose())
                    .collect::<Result<_, _>>()?,
                lost,
            ))
        });
        Ok(Written {
            waiting: waiting.collect::<Result<_, _>>()?,
            configurations: configurations.collect::<Result<_, _>>()?,
        })
    }

    /// How many clients wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no order explains what happened.
    pub(crate) fn is_violated(&self) -> bool {
        self.earliest.is_empty()
    }

    /// Whether nothing is to be remembered but that the object is as it was at first.
    pub(crate) fn is_new(&self, initial: usize) -> bool {
        let only = self.earliest.iter().all(|c| c.state == initial && c.lost.is_empty());
        self.waiting.is_empty() && self.earliest.len() == 1 && only
    }

    fn place(&self, client: Address) -> Result<usize, usize> {
        self.waiting.binary_search_by_key(&client, |(waiting, _)| *waiting)
    }

    /// A client asks for something.
    pub(crate) fn invoke(&mut self, client: Address, command: usize) {
        let (Ok(place) | Err(place)) = self.place(client);
        self.waiting.insert(place, (client, Some(command)));
        let earliest = std::mem::take(&mut self.earliest);
        self.earliest = earliest
            .into_iter()
            .map(|mut configuration| {
                configuration.responses.insert(place, None);
                configuration
            })
            .collect();
        // What one configuration could not become another without this command, it cannot with it: still the earliest.
    }

    /// A client gets a response. Returns the responses that it could have got, if this is none of them.
    pub(crate) fn returned<S: Specification>(
        &mut self,
        object: &mut Object<'_, S>,
        client: Address,
        response: usize,
    ) -> Result<Option<BTreeSet<usize>>, ResidualError> {
        let place = self.place(client).map_err(|_| ResidualError::Foreign)?;
        let mut possible = BTreeSet::new();
        let mut with_it = BTreeSet::new();
        let mut seen = self.earliest.clone();
        let mut stack: Vec<Configuration> = std::mem::take(&mut self.earliest).into_iter().collect();
        while let Some(configuration) = stack.pop() {
            if let Some(got) = configuration.responses[place] {
                possible.insert(got);
                if got == response {
                    with_it.insert(configuration);
                }
                // What it becomes by further effects is not among the earliest.
                continue;
            }
            for next in self.later(object, &configuration)? {
                if seen.insert(next.clone()) {
                    stack.push(next);
                }
            }
            if seen.len() > CONFIGURATIONS_MAX {
                return Err(ResidualError::TooMany);
            }
        }
        self.waiting.remove(place);
        let with_it = with_it.into_iter().map(|mut configuration| {
            configuration.responses.remove(place);
            configuration
        });
        self.earliest = with_it.collect();
        self.normalize(object)?;
        Ok(self.is_violated().then_some(possible))
    }

    /// A client crashes while it waits.
    pub(crate) fn lose<S: Specification>(
        &mut self,
        object: &mut Object<'_, S>,
        client: Address,
    ) -> Result<(), ResidualError> {
        let Ok(place) = self.place(client) else { return Ok(()) };
        let (_, command) = self.waiting.remove(place);
        // Nobody misses a read.
        let command = command.filter(|command| !object.only_reads(*command));
        let earliest = std::mem::take(&mut self.earliest);
        self.earliest = earliest
            .into_iter()
            .map(|mut configuration| {
                let has_taken_effect = configuration.responses.remove(place).is_some();
                if let (false, Some(command)) = (has_taken_effect, command) {
                    let (Ok(at) | Err(at)) = configuration.lost.binary_search(&command);
                    configuration.lost.insert(at, command);
                }
                configuration
            })
            .collect();
        self.normalize(object)
    }

    /// What a configuration becomes when one more operation takes effect.
    fn later<S: Specification>(
        &self,
        object: &mut Object<'_, S>,
        configuration: &Configuration,
    ) -> Result<Vec<Configuration>, EncodeError> {
        let mut later = Vec::new();
        for (place, (_, command)) in self.waiting.iter().enumerate() {
            if let (None, Some(command)) = (configuration.responses[place], command) {
                let (state, response) = object.apply(configuration.state, *command)?;
                let mut next = Configuration { state, ..configuration.clone() };
                next.responses[place] = Some(response);
                later.push(next);
            }
        }
        for (at, command) in configuration.lost.iter().enumerate() {
            if at > 0 && configuration.lost[at - 1] == *command {
                continue;
            }
            let mut next = Configuration {
                state: object.apply(configuration.state, *command)?.0,
                ..configuration.clone()
            };
            next.lost.remove(at);
            later.push(next);
        }
        Ok(later)
    }

    /// Keeps the earliest configurations only, and of the commands those that may take effect yet.
    fn normalize<S: Specification>(&mut self, object: &mut Object<'_, S>) -> Result<(), ResidualError> {
        if self.earliest.len() > 1 {
            let mut seen = BTreeSet::new();
            let mut stack: Vec<Configuration> = self.earliest.iter().cloned().collect();
            while let Some(configuration) = stack.pop() {
                for next in self.later(object, &configuration)? {
                    // An effect cannot be undone, so what one becomes never becomes that one: both never go.
                    self.earliest.remove(&next);
                    if seen.insert(next.clone()) {
                        stack.push(next);
                    }
                }
                if seen.len() > CONFIGURATIONS_MAX {
                    return Err(ResidualError::TooMany);
                }
            }
        }
        for (place, (_, command)) in self.waiting.iter_mut().enumerate() {
            if self.earliest.iter().all(|configuration| configuration.responses[place].is_some()) {
                *command = None;
            }
        }
        Ok(())
    }
}
