//! The branches of a session: making, naming, choosing, comparing and deleting them.

use super::action::Action;
use super::{Done, Session};
use crate::live::{compact, state_differences};
use crate::model::Model;
use crate::model::diff::Sign;
use crate::model::label;
use crate::trace_file::{NodeState, TraceFile};

/// How many differences between two branches are told.
const DIFFERENCES_MAX: usize = 60;
/// How long the name of a branch may be.
const NAME_MAX: usize = 40;

/// What is known of a branch, for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchRow {
    /// Its name.
    pub name: String,
    /// The number of its steps.
    pub len: usize,
    /// Whether it is looked at.
    pub current: bool,
    /// The branch before it in the list that it has most steps in common with, and how many those are.
    pub from: Option<(usize, usize)>,
    /// What it shows, in words.
    pub shows: String,
    /// Whether what it shows is wrong.
    pub is_failure: bool,
}

impl Session {
    /// All branches; of a saved trace the one that it is.
    pub fn branches(&self) -> Vec<BranchRow> {
        let file = self.model.file();
        let Some(live) = &self.live else {
            return vec![BranchRow {
                name: self.model.branch().to_owned(),
                len: self.model.len(),
                current: true,
                from: None,
                shows: shows(&file.verdict.kind, &file.verdict.name),
                is_failure: self.model.is_failure(),
            }];
        };
        let branches = live.tree.branches();
        let rows = branches.iter().enumerate().map(|(i, branch)| {
            let finding = live.tree.finding(i, file);
            let shared = |other: usize| branches[other].shared(branch);
            BranchRow {
                name: branch.name.clone(),
                len: branch.len(),
                current: i == live.tree.current(),
                // The first of those with most in common.
                from: (0..i).rev().max_by_key(|other| shared(*other)).map(|other| (other, shared(other))),
                shows: shows(&finding.kind, &finding.name),
                is_failure: !matches!(finding.kind.as_str(), "explored" | "goal-found"),
            }
        });
        rows.collect()
    }

    pub(super) fn act_on_branches(&mut self, action: Action, argument: &str) -> Result<Done, String> {
        let name = argument.trim();
        match action {
            Action::Branch => {
                self.check_name(name)?;
                let at = self.step;
                self.keep_people();
                let live = self.live.as_mut().ok_or("there is no code")?;
                live.tree.fork(at, (!name.is_empty()).then_some(name));
                self.rebuild();
                self.move_to(at);
                Ok(Done::said(format!(
                    "branch {} ends here; what happens next goes on from it",
                    self.model.branch()
                )))
            }
            Action::Rename => {
                self.check_name(name)?;
                if name.is_empty() {
                    return Err("a branch needs a name: `rename NAME`".to_owned());
                }
                let live = self.live.as_mut().ok_or("there is no code")?;
                name.clone_into(&mut live.tree.branch_mut().name);
                self.rebuild();
                Ok(Done::said(format!("this branch is {name} now")))
            }
            Action::Switch => {
                let to = self.branch_named(name, 1)?;
                self.switch_to(to);
                Ok(Done::said(format!("branch {}", self.model.branch())))
            }
            Action::Delete => {
                let which = self.branch_named(name, 0)?;
                let live = self.live.as_mut().ok_or("there is no code")?;
                if live.tree.branches().len() == 1 {
                    return Err("it is the only branch".to_owned());
                }
                let gone = live.tree.branches()[which].name.clone();
                let here = which == live.tree.current();
                if !here {
                    self.keep_people();
                }
                let live = self.live.as_mut().ok_or("there is no code")?;
                live.tree.remove(which);
                self.compared = None;
                self.rebuild();
                let at =
                    if here { self.live.as_ref().map_or(0, |live| live.tree.branch().at) } else { self.step };
                self.move_to(at);
                Ok(Done::said(format!("{gone} is deleted; this is {}", self.model.branch())))
            }
            Action::Difference => {
                let with = self.branch_named(name, 1)?;
                let live = self.live.as_ref().ok_or("there is no code")?;
                if with == live.tree.current() {
                    return Err(
                        "a branch is the same as itself; say which other: `difference NAME`".to_owned()
                    );
                }
                self.compared = Some(with);
                self.panel = super::Panel::Tree;
                Ok(Done::default())
            }
            _ => Ok(Done::default()),
        }
    }

    fn check_name(&self, name: &str) -> Result<(), String> {
        let taken = self.live.as_ref().and_then(|live| live.tree.named(name));
        if taken.is_some() {
            return Err(format!("there is a branch {name} already"));
        }
        if name.chars().count() > NAME_MAX || name.contains(char::is_whitespace) {
            return Err(format!("the name of a branch is one word of at most {NAME_MAX} characters"));
        }
        Ok(())
    }

    /// The branch that is meant; without a name the one so many places after this.
    fn branch_named(&self, name: &str, after: usize) -> Result<usize, String> {
        let live = self.live.as_ref().ok_or("there is no code")?;
        let branches = live.tree.branches();
        if name.is_empty() {
            if after > 0 && branches.len() == 1 {
                return Err(
                    "there is one branch only; what happens at an earlier step makes another".to_owned()
                );
            }
            return Ok((live.tree.current() + after) % branches.len());
        }
        live.tree.named(name).ok_or_else(|| {
            let names: Vec<&str> = branches.iter().map(|branch| branch.name.as_str()).collect();
            format!("there is no branch `{name}`; there are {}", names.join(", "))
        })
    }

    /// Looks at another branch, where one was in it.
    pub(crate) fn switch_to(&mut self, branch: usize) {
        self.keep_people();
        let Some(live) = &mut self.live else { return };
        if branch == live.tree.current() {
            return;
        }
        live.tree.switch(branch);
        let at = live.tree.branch().at;
        self.compared = None;
        self.rebuild();
        self.move_to(at);
    }

    /// Keeps where one is and what was written, before another branch is looked at.
    pub(super) fn keep_people(&mut self) {
        let (at, file) = (self.step, self.model.file());
        let (notes, marks) = (file.notes.clone(), file.marks.clone());
        if let Some(live) = &mut self.live {
            let branch = live.tree.branch_mut();
            (branch.at, branch.notes, branch.marks) = (at, notes, marks);
        }
    }

    /// Makes the model of the branch that is looked at.
    pub(super) fn rebuild(&mut self) {
        let Some(live) = &mut self.live else { return };
        live.forget();
        let branch = live.tree.branch();
        let steps = live.tree.steps(live.tree.current());
        let (name, notes, marks) = (branch.name.clone(), branch.notes.clone(), branch.marks.clone());
        let explained = self.model.predicates().get(self.predicate).map(|row| row.name.clone());
        let recorded_len = branch.len();
        let mut file = self.model.take_file();
        file.verdict = live.tree.finding(live.tree.current(), &file);
        (file.notes, file.marks) = (notes, marks);
        file.start.lost = live.tree.lost_at_start().to_vec();
        self.model = Model::along(file, name, steps);
        let rows = self.model.predicates();
        self.predicate = rows.iter().position(|row| Some(&row.name) == explained.as_ref()).unwrap_or(0);
        // What is broken is explained first.
        if self.model.broken(self.model.len()).iter().any(|row| row.name == rows[0].name) {
            self.predicate = 0;
        }
        self.why.clear();
        self.highlight = None;
        self.walked.clear();
        self.base = self.base.filter(|base| *base <= recorded_len);
        self.jumps.iter_mut().for_each(|step| *step = (*step).min(recorded_len));
        let query = self.query.take().map(|(query, _)| query);
        self.query = query.map(|query| {
            let steps = query.steps(&self.model).into_iter().collect();
            (query, steps)
        });
        self.filter = None;
        self.step = self.step.min(recorded_len);
    }

    /// The branch as a file of its own.
    pub(super) fn branch_file(&self) -> TraceFile {
        let mut file = compact(self.model.file());
        file.search.strategy = "explore".to_owned();
        file.search.found_len = 0;
        file.search.depth = u32::try_from(self.model.number(self.model.len())).unwrap_or(u32::MAX);
        file
    }

    /// How the branch that is looked at differs from the one that it is compared with, in words.
    pub fn difference(&self) -> Vec<String> {
        let (Some(live), Some(with)) = (&self.live, self.compared) else { return Vec::new() };
        let Some(other) = live.tree.branches().get(with) else { return Vec::new() };
        let here = live.tree.branch();
        let shared = here.shared(other);
        let file = self.model.file();
        let there = Model::along(file.clone(), other.name.clone(), live.tree.steps(with));
        let mut lines = vec![format!(
            "{} and {} are the same up to step {}",
            here.name,
            other.name,
            self.model.number(shared)
        )];
        for model in [&self.model, &there] {
            for step in shared + 1..=model.len() {
                let line =
                    format!("only {}: {} {}", model.branch(), model.number(step), model.headline(step, 100));
                lines.push(line);
            }
        }
        let end = |model: &Model| -> Vec<NodeState> {
            (0..model.nodes()).map(|node| model.state(node, model.len()).clone()).collect()
        };
        let (model, changes) = state_differences(file, &end(&self.model), &end(&there));
        for change in &changes {
            let name = model.field_name(&change.field);
            let text = |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
            lines.push(match change.sign {
                Sign::Same => continue,
                _ => format!(
                    "at the end {name} is {} here, {} there",
                    text(&change.before),
                    text(&change.after)
                ),
            });
        }
        for row in self.model.predicates() {
            let other = there.predicates().iter().find(|other| other.name == row.name);
            let (a, b) = (row.holds(self.model.len()), other.and_then(|other| other.holds(there.len())));
            if let (Some(a), Some(b)) = (a, b)
                && a != b
            {
                lines.push(format!("at the end `{}` is {a} here, {b} there", row.name));
            }
        }
        if changes.is_empty() {
            lines.push("at the end all nodes are the same".to_owned());
        }
        if lines.len() > DIFFERENCES_MAX {
            let more = label::count(lines.len() - DIFFERENCES_MAX, "more difference");
            lines.truncate(DIFFERENCES_MAX);
            lines.push(format!("and {more}"));
        }
        lines
    }
}

fn shows(kind: &str, name: &str) -> String {
    match kind {
        "explored" => String::new(),
        "violated" => format!("violates {name}"),
        "goal-found" => format!("reaches {name}"),
        other => other.replace('-', " "),
    }
}
