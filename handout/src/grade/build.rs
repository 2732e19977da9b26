//! Compiles the suites of one submission, within one budget, and its libraries where hidden tests are not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::grade::Base;
use crate::grade::slot::Slot;
use crate::manifest::{self, Suite};
use crate::tree::Tree;

/// How long compiling may take, everything of a submission together.
#[derive(Debug)]
pub(crate) struct Budget {
    whole: Duration,
    left: Duration,
    /// When everything of the submission ends, whatever is left.
    deadline: Option<Instant>,
    /// Whether something was compiled once more already, because the machine was busy.
    repeated: bool,
}

impl Budget {
    pub(crate) fn seconds(seconds: u64) -> Self {
        let whole = Duration::from_secs(seconds);
        Self { whole, left: whole, deadline: None, repeated: false }
    }

    /// The same, and nothing after that.
    pub(crate) fn until(self, deadline: Option<Instant>) -> Self {
        Self { deadline, ..self }
    }

    /// The whole seconds that are left.
    pub(crate) fn left(&self) -> u64 {
        let until = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        until.map_or(self.left, |until| self.left.min(until)).as_secs()
    }

    /// Runs something, and takes what it needs from the budget.
    pub(crate) fn spend<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = run();
        self.left = self.left.saturating_sub(began.elapsed());
        done
    }

    /// Whether something may be compiled once more; once for each budget.
    pub(crate) fn repeat(&mut self) -> bool {
        self.left() > 0 && !std::mem::replace(&mut self.repeated, true)
    }

    /// What is said when nothing is left.
    pub(crate) fn used(&self) -> String {
        format!("compiling took too long: more than {} s", self.whole.as_secs())
    }
}

/// What came of compiling a suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Built {
    /// The test program, as the sandbox sees it.
    Yes(std::path::PathBuf),
    /// There is none.
    No(Refusal),
}

/// Why there is no program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// In one line, the same for every suite.
    pub(crate) first: String,
    /// The compiler's last lines.
    pub(crate) why: String,
    /// Whether a library is to blame: then no suite of the lab compiles.
    pub(crate) library: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    slot: &'a Slot,
    /// The workspace with the submission, and the same with hidden tests, if there are some.
    workspace: &'a Tree,
    hidden: Option<Tree>,
    /// The suites that everybody may see.
    public: Vec<Suite>,
    /// The packages whose libraries were compiled where no hidden tests are.
    finished: BTreeSet<String>,
    broken: BTreeMap<String, Refusal>,
    budget: Budget,
}

impl<'a> Builder<'a> {
    pub(super) fn new(slot: &'a Slot, base: &Base, workspace: &'a Tree, budget: Budget) -> Result<Self> {
        let hidden = base.hidden.is_some().then(|| base.with_hidden(workspace));
        let public = manifest::suites(&base.tree)?;
        let (finished, broken) = Default::default();
        Ok(Self { slot, workspace, hidden, public, finished, broken, budget })
    }

    /// Compiles a suite. What is known not to compile is not tried again.
    pub(super) fn suite(&mut self, suite: &Suite) -> Result<Built> {
        if let Some(refusal) = self.broken.get(&suite.package) {
            let why = format!("not tried, as `{}` does not compile: {}", suite.package, refusal.first);
            return Ok(Built::No(Refusal { why, ..refusal.clone() }));
        }
        let built = self.compile(suite)?;
        if let Built::No(refusal) = &built
            && refusal.library
        {
            self.broken.insert(suite.package.clone(), refusal.clone());
        }
        Ok(built)
    }

    fn compile(&mut self, suite: &Suite) -> Result<Built> {
        let Some(hidden) = &self.hidden else {
            self.slot.set(self.workspace)?;
            return self.slot.build_suite(suite, false, &mut self.budget);
        };
        if !self.finished.contains(&suite.package) {
            // The same command as for the hidden suite: what tests need decides on features of what libraries need.
            let of_package = || self.public.iter().filter(|public| public.package == suite.package);
            let public =
                of_package().find(|public| public.name == suite.name).or_else(|| of_package().next());
            let public = public.with_context(|| {
                format!(
                    "the hidden suite `{}` is of `{}`, which has no public suite",
                    suite.name, suite.package
                )
            })?;
            self.slot.forget_programs()?;
            self.slot.set(self.workspace)?;
            match self.slot.build_suite(public, false, &mut self.budget)? {
                Built::No(refusal) if refusal.library => return Ok(Built::No(refusal)),
                // A suite may ask for what the submission has removed; the library is there.
                Built::No(_) | Built::Yes(_) => {}
            }
            self.finished.insert(suite.package.clone());
        }
        self.slot.set(hidden)?;
        self.slot.build_suite(suite, true, &mut self.budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_once() {
        let mut budget = Budget::seconds(3600);
        budget.spend(|| std::thread::sleep(Duration::from_millis(5)));
        assert_eq!((budget.left(), budget.repeat(), budget.repeat()), (3599, true, false));
        let mut spent = Budget::seconds(0);
        assert_eq!((spent.left(), spent.repeat()), (0, false));
        assert_eq!(spent.used(), "compiling took too long: more than 0 s");
        let until = |seconds: u64| Some(Instant::now() + Duration::from_millis(1_000 * seconds + 500));
        assert_eq!(Budget::seconds(3600).until(until(5)).left(), 5);
        assert_eq!(Budget::seconds(3).until(until(5)).left(), 3);
    }
}
