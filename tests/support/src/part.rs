//! The list of a suite: parts, tests, points, budgets.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failed::Failed;
use crate::run_test::RunTest;
use crate::search_test::{Reached, SearchTest};
use crate::unit_test::UnitTest;

/// What a test does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Calls functions.
    Unit,
    /// Runs a system on a reliable network.
    Run,
    /// Runs a system on a network that loses, repeats and reorders messages.
    Unreliable,
    /// Searches the states of a system.
    Search,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unit => "unit",
            Self::Run => "run",
            Self::Unreliable => "unreliable",
            Self::Search => "search",
        })
    }
}

/// The function of a test.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// Of [`Kind::Unit`].
    Unit(fn(&mut UnitTest) -> Result<(), Failed>),
    /// Of [`Kind::Run`] and [`Kind::Unreliable`].
    Run(fn(&mut RunTest) -> Result<(), Failed>),
    /// Of [`Kind::Search`].
    Search(fn(&mut SearchTest) -> Result<Reached, Failed>),
}

/// The states that a stage may visit unless the test says otherwise.
const STATES: u64 = 1_000_000;
/// The time after which a test is ended: far more than any test needs.
const BACKSTOP: Duration = Duration::from_secs(120);
/// The memory of a test, in MiB.
const MEMORY_MIB: u64 = 2048;

/// A graded test.
#[derive(Clone, Debug)]
pub struct Test {
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) claim: &'static str,
    pub(crate) kind: Kind,
    pub(crate) body: Body,
    pub(crate) points: u32,
    pub(crate) credits: Vec<(&'static str, u32)>,
    pub(crate) states: u64,
    pub(crate) backstop: Duration,
    pub(crate) memory_mib: u64,
}

impl Test {
    fn new(number: u32, name: &str, claim: &'static str, kind: Kind, body: Body) -> Self {
        Self {
            number,
            name: format!("t{number:02}_{kind}_{name}"),
            claim,
            kind,
            body,
            points: 0,
            credits: Vec::new(),
            states: STATES,
            backstop: BACKSTOP,
            memory_mib: MEMORY_MIB,
        }
    }

    /// A test that calls functions. Its name becomes `t01_unit_<name>`; the claim is one sentence that says what holds
    /// when it passes.
    pub fn unit(
        number: u32,
        name: &str,
        claim: &'static str,
        body: fn(&mut UnitTest) -> Result<(), Failed>,
    ) -> Self {
        Self::new(number, name, claim, Kind::Unit, Body::Unit(body))
    }

    /// A test that runs a system: `t01_run_<name>`.
    pub fn run(
        number: u32,
        name: &str,
        claim: &'static str,
        body: fn(&mut RunTest) -> Result<(), Failed>,
    ) -> Self {
        Self::new(number, name, claim, Kind::Run, Body::Run(body))
    }

    /// A test that runs a system on a network that loses, repeats and reorders messages: `t01_unreliable_<name>`.
    pub fn unreliable(
        number: u32,
        name: &str,
        claim: &'static str,
        body: fn(&mut RunTest) -> Result<(), Failed>,
    ) -> Self {
        Self::new(number, name, claim, Kind::Unreliable, Body::Run(body))
    }

    /// A test that searches: `t01_search_<name>`.
    pub fn search(
        number: u32,
        name: &str,
        claim: &'static str,
        body: fn(&mut SearchTest) -> Result<Reached, Failed>,
    ) -> Self {
        Self::new(number, name, claim, Kind::Search, Body::Search(body))
    }

    /// The points for passing it; none unless it is set.
    #[must_use]
    pub fn points(mut self, points: u32) -> Self {
        self.points = points;
        self
    }

    /// Gives some of the points as soon as the stage with this name passes, also if a later one fails. Nothing is given
    /// before some stage has reached a goal: a solution that does nothing earns nothing.
    #[must_use]
    pub fn credit(mut self, stage: &'static str, points: u32) -> Self {
        self.credits.push((stage, points));
        self
    }

    /// The states that a stage may visit unless it says otherwise; 1,000,000 unless it is set.
    #[must_use]
    pub fn states(mut self, states: u64) -> Self {
        self.states = states;
        self
    }

    /// When a test is ended that hangs, in seconds; 120 unless it is set. Far more than the test needs on the slowest
    /// machine: it is no limit for solutions that are merely slow.
    #[must_use]
    pub fn backstop_secs(mut self, secs: u64) -> Self {
        self.backstop = Duration::from_secs(secs);
        self
    }

    /// The memory that the test may use, in MiB; 2048 unless it is set.
    #[must_use]
    pub fn memory_mib(mut self, mib: u64) -> Self {
        self.memory_mib = mib;
        self
    }

    /// `t04`: what selects the test on the command line.
    pub(crate) fn short_name(&self) -> &str {
        self.name.split('_').next().unwrap_or(&self.name)
    }
}

/// The tests of one file.
#[derive(Clone, Debug)]
pub struct Part {
    pub(crate) target: &'static str,
    pub(crate) lab: &'static str,
    pub(crate) title: &'static str,
    pub(crate) hint: Option<&'static str>,
    pub(crate) sections: Vec<(usize, &'static str)>,
    pub(crate) tests: Vec<Test>,
}

impl Part {
    /// A part without tests: the name of its `[[test]]` target, the name of its lab, its title.
    pub fn new(target: &'static str, lab: &'static str, title: &'static str) -> Self {
        Self { target, lab, title, hint: None, sections: Vec::new(), tests: Vec::new() }
    }

    /// Where to begin, shown when not one test passes: a section of the README or of the paper.
    #[must_use]
    pub fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// A heading for the tests that follow; their points are added up under it.
    #[must_use]
    pub fn section(mut self, title: &'static str) -> Self {
        self.sections.push((self.tests.len(), title));
        self
    }

    /// Adds a test.
    #[must_use]
    pub fn test(mut self, test: Test) -> Self {
        self.tests.push(test);
        self
    }

    /// The points of all tests.
    pub fn points(&self) -> u32 {
        self.tests.iter().map(|test| test.points).sum()
    }

    /// The tests as a table in Markdown, for the page of the part.
    pub fn table(&self) -> String {
        let mut table = String::from("| test | points | what holds when it passes |\n|---|---|---|\n");
        for (at, test) in self.tests.iter().enumerate() {
            if let Some((_, title)) = self.sections.iter().find(|(first, _)| *first == at) {
                table.push_str(&format!("| *{title}* | | |\n"));
            }
            table.push_str(&format!("| `{}` | {} | {} |\n", test.name, test.points, test.claim));
        }
        table.push_str(&format!("| | **{}** | |\n", self.points()));
        table
    }

    /// What is wrong with the list, if something is.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.tests.is_empty() {
            return Err(format!("part `{}` has no tests", self.target));
        }
        for pair in self.tests.windows(2) {
            if pair[0].number >= pair[1].number {
                let (first, second) = (&pair[0].name, &pair[1].name);
                return Err(format!(
                    "`{second}` stands after `{first}`; number the tests in ascending order"
                ));
            }
        }
        for test in &self.tests {
            let credits: u32 = test.credits.iter().map(|(_, points)| points).sum();
            if credits > test.points {
                let (name, points) = (&test.name, test.points);
                return Err(format!("`{name}` has {points} points, but its stages give {credits}"));
            }
            if !test.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
                let name = test.name.escape_debug();
                return Err(format!("`{name}` is no name of a test; use small letters, digits and `_`"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(number: u32, name: &str) -> Test {
        Test::unit(number, name, "It does nothing", |_| Ok(()))
    }

    fn part() -> Part {
        Part::new("part1", "raft", "Part 1")
    }

    #[test]
    fn names_begin_with_number_and_kind() {
        let test = test(3, "get_and_put");
        assert_eq!((test.name.as_str(), test.short_name()), ("t03_unit_get_and_put", "t03"));
    }

    #[test]
    fn points_add_up() {
        assert_eq!(part().test(test(1, "a").points(5)).test(test(2, "b").points(10)).points(), 15);
    }

    #[test]
    fn a_table_has_all_tests() {
        let part = part().test(test(1, "a").points(5)).section("More").test(test(2, "b").points(10));
        insta::assert_snapshot!(part.table(), @r"
        | test | points | what holds when it passes |
        |---|---|---|
        | `t01_unit_a` | 5 | It does nothing |
        | *More* | | |
        | `t02_unit_b` | 10 | It does nothing |
        | | **15** | |
        ");
    }

    #[test]
    fn a_list_that_makes_no_sense_is_refused() {
        let refusal = |part: Part| part.check().unwrap_err();
        insta::assert_snapshot!(refusal(part()), @"part `part1` has no tests");
        insta::assert_snapshot!(refusal(part().test(test(2, "a")).test(test(2, "b"))), @"`t02_unit_b` stands after `t02_unit_a`; number the tests in ascending order");
        insta::assert_snapshot!(refusal(part().test(test(2, "a").points(3).credit("x", 2).credit("y", 2))), @"`t02_unit_a` has 3 points, but its stages give 4");
        insta::assert_snapshot!(refusal(part().test(test(2, "A test"))), @"`t02_unit_A test` is no name of a test; use small letters, digits and `_`");
        assert_eq!(part().test(test(1, "a").points(4).credit("x", 4)).check(), Ok(()));
    }
}
