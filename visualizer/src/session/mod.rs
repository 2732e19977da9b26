//! What a person is looking at, and what happens when they do something: the part of a viewer that knows of no screen.
//!
//! The terminal viewer and plain mode share it. It never changes a saved trace; notes and bookmarks are kept beside it
//! until they are saved. Where the lab's code is at hand it can go on: what happens makes branches, and nothing that has
//! happened is lost.

pub mod action;
mod answers;
mod branches;
mod live;
mod moves;
mod pending;
mod people;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::model::Model;
use crate::model::field::Field;
use crate::model::find::Query;
use crate::model::spacetime::Marks;
use crate::model::tree::Folds;
use crate::model::watch::Watch;
use crate::model::why::Why;

use action::{Action, Entry, Panel};
use live::Live;

pub use branches::BranchRow;
pub use live::Preview;
pub use pending::Choice;

/// How the trace is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drawing {
    /// Every arrow in the row in which it arrives.
    #[default]
    Rows,
    /// The arrows of the causal past go all the way.
    Lanes,
    /// The whole trace at once, without labels.
    Overview,
}

/// Which steps are lit up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Highlight {
    /// What a step depends on.
    Past(usize),
    /// What depends on a step.
    Future(usize),
}

/// How many steps the list of jumps remembers.
const JUMPS_MAX: usize = 100;

/// How many saved expressions are watched.
const WATCHES_MAX: usize = 50;

/// What a person is looking at.
#[derive(Debug)]
pub struct Session {
    model: Model,
    /// The file, if there is one.
    pub path: Option<PathBuf>,
    /// What the person was told when it began.
    pub opening: Vec<String>,
    /// The folder in which branches are saved unless somebody says where.
    pub folder: Option<PathBuf>,
    step: usize,
    node: usize,
    /// The field that is selected, if it is one of `node`.
    pub field: Option<Field>,
    /// The panel that is looked at.
    pub panel: Panel,
    /// The predicate that is explained.
    pub predicate: usize,
    /// The step to compare with; `None` for the one before.
    pub base: Option<usize>,
    /// What of the trees is open.
    pub folds: Folds,
    /// The nodes that stay in sight.
    pub pinned: BTreeSet<usize>,
    /// The nodes without lanes.
    pub hidden: BTreeSet<usize>,
    /// How the trace is drawn.
    pub drawing: Drawing,
    /// Which steps are lit up.
    pub highlight: Option<Highlight>,
    /// Whether messages that have arrived are shown among the pending ones.
    pub show_delivered: bool,
    /// The steps that the causes led through.
    pub walked: BTreeSet<usize>,
    query: Option<(Query, BTreeSet<usize>)>,
    filter: Option<(Query, Vec<usize>)>,
    /// What is watched.
    pub watches: Vec<Watch>,
    jumps: Vec<usize>,
    /// The place in `jumps` where one is; its length if one has not jumped back.
    jumped: usize,
    /// Whether people have added something since it was saved.
    unsaved: bool,
    /// Whether something has happened since it was saved.
    unsaved_steps: bool,
    /// Who writes the notes, in their own words.
    pub author: String,
    why: BTreeMap<(usize, usize), Why>,
    live: Option<Live>,
    /// The branch that this one is compared with.
    pub(crate) compared: Option<usize>,
}

/// What came of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// What to tell the person.
    pub message: Option<String>,
    /// Whether to end.
    pub quit: bool,
}

impl Done {
    fn said(message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), quit: false }
    }
}

impl Session {
    /// Begins at the violation.
    pub fn new(model: Model, path: Option<PathBuf>) -> Self {
        let step = model.first_violation();
        let node = model.acting(step).or_else(|| model.lanes().first().copied()).unwrap_or_default();
        let watched = model.file().view.watch.iter().take(WATCHES_MAX);
        let watches = watched.filter_map(|text| Watch::parse(text).ok()).collect();
        Self {
            model,
            path,
            opening: Vec::new(),
            folder: None,
            step,
            node,
            field: None,
            panel: Panel::Trace,
            predicate: 0,
            base: None,
            folds: Folds::default(),
            pinned: BTreeSet::new(),
            hidden: BTreeSet::new(),
            drawing: Drawing::Rows,
            highlight: None,
            show_delivered: false,
            walked: BTreeSet::new(),
            query: None,
            filter: None,
            watches,
            jumps: Vec::new(),
            jumped: 0,
            unsaved: false,
            unsaved_steps: false,
            author: String::new(),
            why: BTreeMap::new(),
            live: None,
            compared: None,
        }
    }

    /// The trace.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The step that is looked at.
    pub fn step(&self) -> usize {
        self.step
    }

    /// The node whose state is looked at.
    pub fn node(&self) -> usize {
        self.node
    }

    /// Looks at the state of another node.
    pub fn look_at(&mut self, node: usize) {
        if node < self.model.nodes() && node != self.node {
            self.node = node;
            self.field = None;
        }
    }

    /// The step that states are compared with.
    pub fn base_step(&self) -> usize {
        self.base.unwrap_or_else(|| self.step.saturating_sub(1))
    }

    /// The steps that the trace panel lists, in order.
    pub fn listed(&self) -> Vec<usize> {
        match &self.filter {
            Some((_, steps)) => steps.clone(),
            None => (0..=self.model.len()).collect(),
        }
    }

    /// What the trace is filtered by.
    pub fn filter(&self) -> Option<&Query> {
        self.filter.as_ref().map(|(query, _)| query)
    }

    /// What was looked for, and the steps that fit.
    pub fn query(&self) -> Option<(&Query, &BTreeSet<usize>)> {
        self.query.as_ref().map(|(query, steps)| (query, steps))
    }

    /// What is in no file, in words; `None` if everything is.
    pub fn unsaved(&self) -> Option<&'static str> {
        match (self.unsaved_steps, self.unsaved) {
            (true, _) => Some("what happened is not saved"),
            (false, true) => Some("notes, bookmarks and watches are not saved"),
            (false, false) => None,
        }
    }

    /// Whether it can be said why the predicate is as it is: it is wrong somewhere, or the trace is about it.
    pub fn explains(&self) -> bool {
        self.model.predicates()[self.predicate].first_finding().is_some()
    }

    /// Why the predicate is as it is at this step, or if it is broken later, there.
    pub fn why(&mut self) -> &Why {
        let row = &self.model.predicates()[self.predicate];
        let step = match row.holds(self.step) {
            Some(false) if row.is_broken(self.step) => self.step,
            _ => row.first_finding().unwrap_or(self.step),
        };
        let (model, predicate) = (&self.model, self.predicate);
        self.why.entry((predicate, step)).or_insert_with(|| Why::new(model, predicate, step))
    }

    /// What is to be made visible in the drawing of the trace.
    pub fn marks(&mut self) -> Marks {
        let blamed = self.why().blamed.iter().map(|blamed| blamed.since).filter(|step| *step > 0).collect();
        let file = self.model.file();
        Marks {
            selected: self.step,
            highlighted: self.highlight.map(|highlight| match highlight {
                Highlight::Past(step) => self.model.past(&[step]),
                Highlight::Future(step) => self.model.future(step),
            }),
            blamed,
            walked: self.walked.clone(),
            bookmarks: file.marks.iter().map(|mark| mark.step).collect(),
            notes: file.notes.iter().map(|note| note.step).collect(),
            found: self.query.as_ref().map(|(_, steps)| steps.clone()).unwrap_or_default(),
        }
    }

    /// Whether something can be done now; else why not.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub fn can(&self, action: Action) -> Result<(), String> {
        let model = &self.model;
        let end = model.len();
        let needs = |ok: bool, why: &str| if ok { Ok(()) } else { Err(why.to_owned()) };
        match action {
            Action::Next => needs(self.step < end, "this is the last step"),
            Action::Previous => needs(self.step > 0, "this is the start"),
            Action::NextFlip | Action::PreviousFlip => {
                let row = &model.predicates()[self.predicate];
                needs(!row.flips().is_empty(), "the predicate is the same at every step")
            }
            Action::NextOfNode | Action::PreviousOfNode => {
                needs(self.step > 0, "no node acts at the start; `j` and `k` move by rows")
            }
            Action::Walk => needs(model.walk_back(self.step).is_some(), "nothing before this step caused it"),
            Action::OtherEnd => needs(self.step > 0, "nothing is sent or delivered at the start"),
            Action::SearchNext | Action::SearchPrevious => {
                needs(self.query.is_some(), "nothing was looked for; `/` looks for something")
            }
            Action::Unfilter => needs(self.filter.is_some(), "all steps are shown already"),
            Action::JumpBack => needs(self.jumped > 0, "there was no jump before"),
            Action::JumpForward => {
                needs(self.jumped + 1 < self.jumps.len(), "there is no jump after this one")
            }
            Action::Unwatch => needs(!self.watches.is_empty(), "nothing is watched; `+` watches something"),
            Action::ToBookmark => {
                needs(!model.file().marks.is_empty(), "there are no bookmarks; `M` sets one")
            }
            Action::NextPredicate => needs(model.predicates().len() > 1, "there is one predicate only"),
            Action::Toggle | Action::Open | Action::Close | Action::OpenAll | Action::SameName => {
                needs(self.field.is_some(), "no field is selected; `j` and `k` in the state panel select one")
            }
            action if action.is_live() => self.can_live(action),
            _ => Ok(()),
        }
    }

    /// Does something. What only a screen can do is left to it, and does nothing here. What needs the lab's code is only
    /// begun, see [`poll`](Self::poll).
    ///
    /// # Errors
    ///
    /// Says why it cannot be done.
    pub fn act(&mut self, entry: &Entry, argument: &str) -> Result<Done, String> {
        self.can(entry.action)?;
        match entry.action {
            Action::Show(panel) => {
                self.panel = panel;
                if !argument.is_empty() {
                    self.look_at(self.node_named(argument)?);
                }
                Ok(Done::default())
            }
            Action::Quit => Ok(Done { quit: true, ..Done::default() }),
            Action::Note | Action::Bookmark | Action::Save => self.write(entry.action, argument),
            action if action.is_live() => self.act_live(action, argument.trim()),
            action => self.go(action, argument),
        }
    }

    fn node_named(&self, name: &str) -> Result<usize, String> {
        self.model.node_called(name).ok_or_else(|| {
            let names: Vec<&str> = self.model.lanes().iter().map(|node| self.model.address(*node)).collect();
            format!("there is no node `{name}`; the nodes are {}", names.join(", "))
        })
    }
}
