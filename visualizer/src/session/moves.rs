//! Moving through a trace, and choosing what of it is shown.

use super::action::Action;
use super::{Done, Drawing, Highlight, JUMPS_MAX, Session};
use crate::model::cause::Via;
use crate::model::field::{Field, Found};
use crate::model::find::Query;
use crate::model::tree::{self, Fold};
use crate::model::watch::Watch;

impl Session {
    /// Moves to a step, one after the other; the state follows the node that acts.
    pub fn move_to(&mut self, step: usize) {
        self.step = step.min(self.model.len());
        if let Some(node) = self.model.acting(self.step)
            && node != self.node
        {
            self.node = node;
            self.field = None;
        }
    }

    /// Jumps to a step and remembers where one was.
    pub fn jump_to(&mut self, step: usize) {
        if step == self.step {
            return;
        }
        self.jumps.truncate(self.jumped);
        if self.jumps.len() >= JUMPS_MAX {
            self.jumps.remove(0);
        }
        self.jumps.push(self.step);
        self.jumped = self.jumps.len();
        self.move_to(step);
    }

    /// A number; `otherwise` if there is none.
    fn number(argument: &str, otherwise: usize) -> Result<usize, String> {
        match argument.trim() {
            "" => Ok(otherwise),
            text => text.parse().map_err(|_| format!("expected a number, not `{text}`")),
        }
    }

    pub(super) fn go(&mut self, action: Action, argument: &str) -> Result<Done, String> {
        let (step, len) = (self.step, self.model.len());
        match action {
            Action::Next | Action::Previous => {
                let count = Self::number(argument, 1)?;
                self.step_by(action == Action::Next, count);
            }
            Action::Go => {
                let number = Self::number(argument, self.model.number(0))?;
                let step = self.model.step_called(number);
                self.jump_to(step);
                if self.model.number(step) != number {
                    let (first, last) = (self.model.number(0), self.model.number(len));
                    return Ok(Done::said(format!(
                        "there is no step {number}; the trace is {first} to {last}"
                    )));
                }
            }
            Action::First => self.jump_to(0),
            Action::Last => self.jump_to(len),
            Action::Violation => self.jump_to(self.model.first_violation()),
            Action::NextFlip | Action::PreviousFlip => return self.flip(action == Action::NextFlip),
            Action::NextOfNode | Action::PreviousOfNode => {
                let next = action == Action::NextOfNode;
                let other =
                    if next { self.model.next_of_node(step) } else { self.model.previous_of_node(step) };
                let node = self.model.acting(step).unwrap_or_default();
                let which = if next { "later" } else { "earlier" };
                let none = format!("{} has no {which} step", self.model.address(node));
                self.jump_to(other.ok_or(none)?);
            }
            Action::OtherEnd => return self.other_end(),
            Action::JumpBack | Action::JumpForward => self.jump_along(action == Action::JumpForward),
            Action::Walk => return self.walk(),
            Action::Chain => return self.chain(),
            Action::Past => return Ok(self.light(Highlight::Past(step))),
            Action::Future => return Ok(self.light(Highlight::Future(step))),
            Action::Search => return self.search(argument),
            Action::SearchNext | Action::SearchPrevious => {
                return self.search_on(action == Action::SearchNext);
            }
            Action::Filter => {
                let query = Query::parse(argument)?;
                if query.is_empty() {
                    self.filter = None;
                    return Ok(Done::default());
                }
                let steps = query.steps(&self.model);
                if steps.is_empty() {
                    return Err(format!("no step fits `{}`; all are still shown", query.text()));
                }
                let message = format!("{} of {} steps fit", steps.len(), len + 1);
                self.filter = Some((query, steps));
                return Ok(Done::said(message));
            }
            Action::Unfilter => self.filter = None,
            Action::NextChange | Action::PreviousChange => {
                return self.change(action == Action::NextChange, argument);
            }
            Action::Compare => {
                let base = match argument.trim() {
                    "" => None,
                    number => Some(self.model.step_called(Self::number(number, 0)?)),
                };
                self.base = base;
                let with = base.map_or_else(
                    || "every step is compared with the one before".to_owned(),
                    |base| format!("every step is compared with step {}", self.model.number(base)),
                );
                return Ok(Done::said(with));
            }
            Action::Watch => {
                self.watches.push(Watch::parse(argument)?);
                self.note_unsaved();
                self.panel = super::Panel::Notes;
            }
            Action::Unwatch => {
                let number = Self::number(argument, self.watches.len())?;
                if number == 0 || number > self.watches.len() {
                    return Err(format!("there is no watch {number}; there are {}", self.watches.len()));
                }
                let watch = self.watches.remove(number - 1);
                self.note_unsaved();
                return Ok(Done::said(format!("no longer watched: {}", watch.text())));
            }
            Action::NextNode | Action::PreviousNode => self.next_node(action == Action::NextNode),
            Action::Pin => {
                let node = if argument.is_empty() { self.node } else { self.node_named(argument)? };
                let pinned = self.pinned.insert(node) || !self.pinned.remove(&node);
                let what = if pinned { "stays in sight" } else { "no longer stays in sight" };
                return Ok(Done::said(format!("{} {what}", self.model.address(node))));
            }
            Action::HideNode => return self.hide(argument),
            Action::HideUnchanged => {
                self.folds.hide_unchanged = !self.folds.hide_unchanged;
                let what =
                    if self.folds.hide_unchanged { "only changed fields are" } else { "all fields are" };
                return Ok(Done::said(format!("{what} shown")));
            }
            Action::Toggle | Action::Open | Action::Close | Action::OpenAll | Action::CloseAll => {
                self.fold(action)
            }
            Action::SameName => return self.same_name(),
            Action::NextPredicate => return self.next_predicate(argument),
            Action::View => {
                self.drawing = match self.drawing {
                    Drawing::Rows => Drawing::Lanes,
                    Drawing::Lanes => Drawing::Overview,
                    Drawing::Overview => Drawing::Rows,
                };
                let what = match self.drawing {
                    Drawing::Rows => "rows: every arrow in the row in which it arrives",
                    Drawing::Lanes => "lanes: the arrows that this step depends on go all the way",
                    Drawing::Overview => "overview: the whole trace, time goes down",
                };
                return Ok(Done::said(what));
            }
            Action::ShowDelivered => {
                self.show_delivered = !self.show_delivered;
                let what =
                    if self.show_delivered { "all messages" } else { "messages that have not arrived" };
                return Ok(Done::said(format!("{what} are shown")));
            }
            Action::ToBookmark => {
                let marks = self.model.file().marks.iter().map(|mark| mark.step);
                let mut marks: Vec<usize> = marks.collect();
                marks.sort_unstable();
                let next = marks.iter().find(|mark| **mark > step).or(marks.first()).copied();
                self.jump_to(next.unwrap_or(step));
            }
            _ => {}
        }
        Ok(Done::default())
    }

    fn step_by(&mut self, forward: bool, count: usize) {
        let listed = self.listed();
        let step = if forward {
            let next = listed.partition_point(|step| *step <= self.step);
            listed.get(next.saturating_add(count.max(1) - 1)).or(listed.last())
        } else {
            let here = listed.partition_point(|step| *step < self.step);
            listed.get(here.saturating_sub(count)).or(listed.first())
        };
        let step = *step.unwrap_or(&self.step);
        // Where nothing is listed in that direction, one stays.
        if (step > self.step) == forward {
            self.move_to(step);
        }
    }

    fn flip(&mut self, forward: bool) -> Result<Done, String> {
        let row = &self.model.predicates()[self.predicate];
        let mut flips = row.flips();
        if !forward {
            flips.reverse();
        }
        let found =
            flips.into_iter().find(|flip| if forward { *flip > self.step } else { *flip < self.step });
        let which = if forward { "later" } else { "earlier" };
        let flip = found.ok_or_else(|| format!("`{}` does not change at any {which} step", row.name))?;
        let text = if row.holds(flip) == Some(true) { "true" } else { "false" };
        let message = format!("`{}` becomes {text} at step {}", row.name, self.model.number(flip));
        self.jump_to(flip);
        Ok(Done::said(message))
    }

    fn other_end(&mut self) -> Result<Done, String> {
        if let Some(sent) = self.model.sending_step(self.step) {
            self.jump_to(sent);
            return Ok(Done::said("where it was sent"));
        }
        let happened = self.model.step(self.step).ok_or("nothing happens here")?;
        let arrivals = happened.sent.iter().flat_map(|id| self.model.arrivals(*id));
        let next = arrivals.copied().filter(|arrival| *arrival > self.step).min();
        self.jump_to(next.ok_or("nothing that was sent here arrives in this trace")?);
        Ok(Done::said("where the first of the messages arrives"))
    }

    fn jump_along(&mut self, forward: bool) {
        if forward {
            self.jumped += 1;
        } else {
            if self.jumped == self.jumps.len() {
                self.jumps.push(self.step);
            }
            self.jumped -= 1;
        }
        self.move_to(self.jumps.get(self.jumped).copied().unwrap_or(self.step));
    }

    fn walk(&mut self) -> Result<Done, String> {
        let link = self.model.walk_back(self.step).ok_or("nothing before this step caused it")?;
        self.walked.insert(self.step);
        self.walked.insert(link.step);
        self.jump_to(link.step);
        Ok(Done::said(match link.via {
            Some(Via::Message) => "here the message was sent",
            Some(Via::Timer) => "here the timer was set",
            _ => "the step before at the same node",
        }))
    }

    fn chain(&mut self) -> Result<Done, String> {
        let chain = self.model.chain(self.step);
        self.walked = chain.iter().map(|link| link.step).collect();
        let mut texts = chain.iter().map(|link| {
            let node = self.model.acting(link.step).map_or("", |node| self.model.address(node));
            format!("{} {} {node}", self.model.number(link.step), self.model.label(link.step, 30))
        });
        let first = texts.next().unwrap_or_default();
        let rest: String = texts.map(|text| format!(" < {text}")).collect();
        Ok(Done::said(format!("{first}{rest}")))
    }

    fn light(&mut self, highlight: Highlight) -> Done {
        if self.highlight == Some(highlight) {
            self.highlight = None;
            return Done::said("all steps are alike again");
        }
        self.highlight = Some(highlight);
        let (steps, what) = match highlight {
            Highlight::Past(step) => (self.model.past(&[step]), "this one depends on"),
            Highlight::Future(step) => (self.model.future(step), "depend on this one"),
        };
        let count = steps.iter().skip(1).filter(|on| **on).count().saturating_sub(1);
        Done::said(format!("{count} of {} other steps {what}", self.model.len().saturating_sub(1)))
    }

    fn search(&mut self, text: &str) -> Result<Done, String> {
        let query = Query::parse(text)?;
        if query.is_empty() {
            self.query = None;
            return Ok(Done::default());
        }
        let steps = query.steps(&self.model);
        if steps.is_empty() {
            return Err(format!("no step fits `{}`", query.text()));
        }
        self.query = Some((query, steps.into_iter().collect()));
        // The step that one is at is a result too.
        let here = self.query.as_ref().is_some_and(|(_, steps)| steps.contains(&self.step));
        if here { Ok(self.found()) } else { self.search_on(true) }
    }

    fn search_on(&mut self, forward: bool) -> Result<Done, String> {
        let (_, steps) = self.query.as_ref().ok_or("nothing was looked for")?;
        let (mut after, mut before) = (steps.range(self.step + 1..), steps.range(..self.step));
        let next = if forward { after.next().or(steps.first()) } else { before.next_back().or(steps.last()) };
        let next = next.copied().unwrap_or(self.step);
        self.jump_to(next);
        Ok(self.found())
    }

    fn found(&self) -> Done {
        let Some((query, steps)) = &self.query else { return Done::default() };
        let place = steps.range(..=self.step).count();
        Done::said(format!("{place} of {} that fit `{}`", steps.len(), query.text()))
    }

    fn change(&mut self, forward: bool, argument: &str) -> Result<Done, String> {
        let field = match argument.trim() {
            "" => self.field.clone().unwrap_or(Field { node: self.node, path: String::new() }),
            name => self.model.field_called(name).ok_or_else(|| format!("there is no field `{name}`"))?,
        };
        let writes = self.model.writes(&field);
        let found = if forward {
            writes.iter().find(|step| **step > self.step)
        } else {
            writes.iter().rev().find(|step| **step < self.step)
        };
        let name = self.model.field_name(&field);
        let which = if forward { "after" } else { "before" };
        let step = *found.ok_or_else(|| format!("no step {which} this one changes {name}"))?;
        self.jump_to(step);
        self.node = field.node;
        let absent = matches!(self.model.found(&field, step), Found::Absent);
        let value = if absent { "gone".to_owned() } else { self.model.field_text(&field, step, 60) };
        let message =
            if field.path.is_empty() { format!("{name} changes") } else { format!("{name} becomes {value}") };
        self.field = Some(field).filter(|field| !field.path.is_empty());
        Ok(Done::said(message))
    }

    fn next_node(&mut self, forward: bool) {
        let lanes = self.model.lanes();
        let Some(place) = lanes.iter().position(|node| *node == self.node) else { return };
        let next = if forward { place + 1 } else { place + lanes.len() - 1 };
        self.look_at(lanes[next % lanes.len()]);
    }

    fn hide(&mut self, argument: &str) -> Result<Done, String> {
        if argument.is_empty() && !self.hidden.is_empty() {
            self.hidden.clear();
            return Ok(Done::said("all nodes have their lanes"));
        }
        let node = if argument.is_empty() { self.node } else { self.node_named(argument)? };
        if self.hidden.len() + 2 > self.model.nodes() && !self.hidden.contains(&node) {
            return Err("some node must keep its lane".to_owned());
        }
        let hidden = self.hidden.insert(node) || !self.hidden.remove(&node);
        let what = if hidden { "has no lane now; `X` again shows all" } else { "has its lane again" };
        Ok(Done::said(format!("{} {what}", self.model.address(node))))
    }

    fn fold(&mut self, action: Action) {
        let base = self.base_step();
        if action == Action::CloseAll {
            self.folds.forget_below(&Field { node: self.node, path: String::new() });
            return;
        }
        let Some(field) = self.field.clone() else { return };
        let rows = tree::rows(&self.model, field.node, base, self.step, &self.folds);
        let Some(place) = rows.iter().position(|row| row.field == field) else { return };
        match (action, rows[place].fold) {
            (Action::Toggle, Fold::Open) => self.folds.set(&field, false),
            (Action::Toggle | Action::Open | Action::OpenAll, Fold::Closed) => self.folds.set(&field, true),
            (Action::Open, Fold::Open) => self.field = rows.get(place + 1).map(|row| row.field.clone()),
            (Action::Close, Fold::Open) => self.folds.set(&field, false),
            (Action::Close, _) => {
                // The nearest row above that is less deep is what this one is in.
                let outer = rows[..place].iter().rev().find(|row| row.depth < rows[place].depth);
                self.field = outer.map_or(Some(field.clone()), |row| Some(row.field.clone()));
            }
            _ => {}
        }
        if action == Action::OpenAll {
            self.open_all(&field);
        }
    }

    /// Opens everything below a field, level by level.
    fn open_all(&mut self, field: &Field) {
        const LEVELS_MAX: usize = 20;
        for _ in 0..LEVELS_MAX {
            let rows = tree::rows(&self.model, field.node, self.base_step(), self.step, &self.folds);
            let Some(place) = rows.iter().position(|row| row.field == *field) else { return };
            let depth = rows[place].depth;
            let below = rows[place + 1..].iter().take_while(|row| row.depth > depth);
            let closed: Vec<Field> =
                below.filter(|row| row.fold == Fold::Closed).map(|row| row.field.clone()).collect();
            if closed.is_empty() {
                return;
            }
            for field in closed {
                self.folds.set(&field, true);
            }
        }
    }

    fn same_name(&mut self) -> Result<Done, String> {
        let field = self.field.clone().ok_or("no field is selected")?;
        let lanes = self.model.lanes().to_vec();
        let place = lanes.iter().position(|node| *node == field.node).unwrap_or_default();
        let others = (1..lanes.len()).map(|i| lanes[(place + i) % lanes.len()]);
        let other = others
            .map(|node| Field { node, path: field.path.clone() })
            .find(|other| self.model.found(other, self.step) != Found::Absent);
        let other = other.ok_or_else(|| format!("no other node has a field `{}`", field.path))?;
        let message = self.model.field_name(&other);
        self.node = other.node;
        self.field = Some(other);
        Ok(Done::said(message))
    }

    fn next_predicate(&mut self, argument: &str) -> Result<Done, String> {
        let rows = self.model.predicates();
        self.predicate = if argument.is_empty() {
            (self.predicate + 1) % rows.len()
        } else {
            let wanted = argument.to_lowercase();
            rows.iter().position(|row| row.name.to_lowercase().contains(&wanted)).ok_or_else(|| {
                let names: Vec<String> = rows.iter().map(|row| format!("`{}`", row.name)).collect();
                format!("there is no predicate `{argument}`; there are {}", names.join(", "))
            })?
        };
        Ok(Done::said(format!("explained is now `{}`", self.model.predicates()[self.predicate].name)))
    }
}
