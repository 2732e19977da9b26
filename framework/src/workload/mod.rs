//! What clients do in a test: commands, expected results, and the worker that feeds them to a client.

mod template;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::address::Address;
use crate::node::Data;

pub use worker::{AnyResult, AnyWorker, ClientWorker, NextCommand, Worker, WrongResult};

/// A command with the result it should get, if the test knows.
pub type Expectation<C, R> = (C, Option<R>);

/// Turns the words of a test into commands and results of a lab: `PUT:k:v` into `Put { key, value }`.
pub trait CommandParser<C, R>: Send + Sync + 'static {
    /// Parses a command.
    ///
    /// # Errors
    ///
    /// Says what was expected.
    fn command(&self, text: &str) -> Result<C, String>;

    /// Parses the result that is expected of `command`.
    ///
    /// # Errors
    ///
    /// Says what was expected.
    fn response(&self, command: &C, text: &str) -> Result<R, String>;
}

/// Why a workload cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkloadError {
    /// A command or result does not parse.
    #[error("command {number} of the workload, `{text}`, does not parse: {cause}")]
    Parse {
        /// Its place in the list, from 1.
        number: usize,
        /// The text.
        text: String,
        /// What the parser said.
        cause: String,
    },
    /// There are more results than commands, or fewer.
    #[error(
        "the workload has {commands} commands but {results} results; give one result for each command, or none"
    )]
    Lengths {
        /// The number of commands.
        commands: usize,
        /// The number of results.
        results: usize,
    },
}

enum Commands<C, R> {
    Values(Vec<Expectation<C, R>>),
    Strings { texts: Vec<(String, Option<String>)>, parser: Arc<dyn CommandParser<C, R>> },
}

struct Inner<C, R> {
    commands: Commands<C, R>,
    /// How often the list is repeated; `None` for ever.
    times: Option<u64>,
    interval: Option<Duration>,
    seed: u64,
}

/// A sequence of commands for one client, with or without expected results; finite or infinite, as fast as the client
/// answers or rate-limited.
///
/// A workload is fixed: command `i` of a client is a function of the workload, the client's address and `i`, so it
/// needs no place in a state.
///
/// Commands may be given as texts with templates, which are filled in for each client and each command:
///
/// | template | becomes |
/// |---|---|
/// | `%r`, `%rN` | 8 (`N`) random letters and digits |
/// | `%n`, `%nN` | a random number from 1 to 100 (`N`) |
/// | `%a` | the client's address |
/// | `%i`, `%i-1`, `%i+1` | the number of the command, from 1; one less; one more |
/// | `%%` | `%` |
///
/// A template stands for the same text wherever it occurs in one command and its expected result. Random ones are
/// drawn from the workload's seed, the address and the number of the command.
///
/// Source: DSLabs `Workload`.
pub struct Workload<C, R>(Arc<Inner<C, R>>);

impl<C, R> Clone for Workload<C, R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: Data, R: Data> Workload<C, R> {
    fn from_commands(commands: Commands<C, R>) -> Self {
        Self(Arc::new(Inner { commands, times: Some(1), interval: None, seed: 0 }))
    }

    /// No commands at all.
    pub fn empty() -> Self {
        Self::from_commands(Commands::Values(Vec::new()))
    }

    /// These commands, with any results.
    pub fn commands(commands: impl IntoIterator<Item = C>) -> Self {
        Self::from_commands(Commands::Values(commands.into_iter().map(|command| (command, None)).collect()))
    }

    /// These commands with these results.
    pub fn expecting(commands: impl IntoIterator<Item = (C, R)>) -> Self {
        Self::from_commands(Commands::Values(commands.into_iter().map(|(c, r)| (c, Some(r))).collect()))
    }

    /// Commands given as texts, with any results.
    ///
    /// # Errors
    ///
    /// When a text does not parse once its templates are filled in.
    pub fn parse<S: Into<String>>(
        parser: impl CommandParser<C, R>,
        commands: impl IntoIterator<Item = S>,
    ) -> Result<Self, WorkloadError> {
        Self::parse_pairs(parser, commands.into_iter().map(|text| (text.into(), None)).collect())
    }

    /// Commands and their results given as texts.
    ///
    /// # Errors
    ///
    /// When a text does not parse once its templates are filled in, or the lists differ in length.
    pub fn parse_expecting<S: Into<String>, T: Into<String>>(
        parser: impl CommandParser<C, R>,
        commands: impl IntoIterator<Item = S>,
        results: impl IntoIterator<Item = T>,
    ) -> Result<Self, WorkloadError> {
        let commands: Vec<String> = commands.into_iter().map(Into::into).collect();
        let results: Vec<String> = results.into_iter().map(Into::into).collect();
        if commands.len() != results.len() {
            return Err(WorkloadError::Lengths { commands: commands.len(), results: results.len() });
        }
        Self::parse_pairs(parser, commands.into_iter().zip(results.into_iter().map(Some)).collect())
    }

    fn parse_pairs(
        parser: impl CommandParser<C, R>,
        texts: Vec<(String, Option<String>)>,
    ) -> Result<Self, WorkloadError> {
        let workload = Self::from_commands(Commands::Strings { texts, parser: Arc::new(parser) });
        // Templates only put letters, digits and addresses in, so one client's first round shows every mistake there is.
        for index in 0..workload.list_len() {
            workload.parsed(Address::client(1), index)?;
        }
        Ok(workload)
    }

    fn with(&self, change: impl FnOnce(&mut Inner<C, R>)) -> Self {
        let commands = match &self.0.commands {
            Commands::Values(values) => Commands::Values(values.clone()),
            Commands::Strings { texts, parser } => {
                Commands::Strings { texts: texts.clone(), parser: Arc::clone(parser) }
            }
        };
        let mut inner = Inner { commands, times: self.0.times, interval: self.0.interval, seed: self.0.seed };
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// The list of commands, `times` times.
    #[must_use]
    pub fn repeated(&self, times: u64) -> Self {
        self.with(|inner| inner.times = Some(times))
    }

    /// The list of commands, for ever.
    #[must_use]
    pub fn endless(&self) -> Self {
        self.with(|inner| inner.times = None)
    }

    /// A pause between a result and the next command.
    #[must_use]
    pub fn every(&self, interval: Duration) -> Self {
        self.with(|inner| inner.interval = Some(interval))
    }

    /// The seed of the random templates; 0 unless it is set.
    #[must_use]
    pub fn seeded(&self, seed: u64) -> Self {
        self.with(|inner| inner.seed = seed)
    }

    /// The pause between a result and the next command, if there is one.
    pub fn interval(&self) -> Option<Duration> {
        self.0.interval
    }

    /// The number of commands; `None` if there is no end.
    pub fn len(&self) -> Option<u64> {
        let list = self.list_len() as u64;
        match self.0.times {
            _ if list == 0 => Some(0),
            times => times.map(|times| times.saturating_mul(list)),
        }
    }

    /// Whether there are no commands.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    fn list_len(&self) -> usize {
        match &self.0.commands {
            Commands::Values(values) => values.len(),
            Commands::Strings { texts, .. } => texts.len(),
        }
    }

    /// Command `index` (from 0) of the client at `address`, if there is one.
    ///
    /// # Panics
    ///
    /// Panics when the parser refuses now what it took when the workload was built.
    pub fn command(&self, address: Address, index: usize) -> Option<Expectation<C, R>> {
        if self.len().is_some_and(|len| index as u64 >= len) {
            return None;
        }
        match &self.0.commands {
            Commands::Values(values) => Some(values[index % values.len()].clone()),
            Commands::Strings { .. } => match self.parsed(address, index) {
                Ok(command) => Some(command),
                Err(error) => panic!("{error}"),
            },
        }
    }

    fn parsed(&self, address: Address, index: usize) -> Result<Expectation<C, R>, WorkloadError> {
        let Commands::Strings { texts, parser } = &self.0.commands else {
            unreachable!("only texts are parsed");
        };
        let number = index % texts.len();
        let (command, result) = &texts[number];
        let fill = template::Filler::new(self.0.seed, address, index);
        let parse_error = |text: &str| {
            let text = text.to_owned();
            move |cause| WorkloadError::Parse { number: number + 1, text, cause }
        };
        let text = fill.fill(command);
        let command = parser.command(&text).map_err(parse_error(&text))?;
        let result = match result {
            None => None,
            Some(result) => {
                let text = fill.fill(result);
                Some(parser.response(&command, &text).map_err(parse_error(&text))?)
            }
        };
        Ok((command, result))
    }
}

impl<C, R> fmt::Debug for Workload<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = match &self.0.commands {
            Commands::Values(values) => values.len(),
            Commands::Strings { texts, .. } => texts.len(),
        };
        write!(f, "Workload({count} commands)")
    }
}
