//! The state of a node as a tree of rows, each with a sign for how it differs from another step.

use std::collections::BTreeMap;

use super::diff::{self, Part, Sign, same_kind, size};
use super::field::{DURABLE, Field, TIMERS, UP, shown};
use super::line::{Line, Role};
use super::{Model, label};
use crate::pool::ValueId;

/// Whether a row has parts, and whether they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// It has none.
    Leaf,
    /// They are shown.
    Open,
    /// They are not.
    Closed,
}

/// A row of the tree of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeRow {
    /// The field.
    pub field: Field,
    /// How far it is indented.
    pub depth: usize,
    /// The last part of its path.
    pub label: String,
    /// How it differs.
    pub sign: Sign,
    /// What it was; only if it is different.
    pub before: Option<String>,
    /// What it is; nothing if it is gone.
    pub after: Option<String>,
    /// How many items it has, if it is a collection.
    pub size: Option<usize>,
    /// Whether it has parts.
    pub fold: Fold,
}

/// What of the tree is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folds {
    /// Fields that somebody opened or closed; the others are open where something in them changed.
    chosen: BTreeMap<Field, bool>,
    /// Whether only what changed is shown, with what it is in.
    pub hide_unchanged: bool,
    /// Whether everything is open that nobody closed.
    all_open: bool,
}

impl Folds {
    /// Everything is open.
    pub fn all_open() -> Self {
        Self { all_open: true, ..Self::default() }
    }

    /// Opens or closes a field.
    pub fn set(&mut self, field: &Field, open: bool) {
        self.chosen.insert(field.clone(), open);
    }

    /// Forgets everything that was chosen for a node's fields below a path, and that path.
    pub fn forget_below(&mut self, field: &Field) {
        self.chosen.retain(|other, _| other.node != field.node || !is_below(&other.path, &field.path));
    }
}

/// Whether a path is the other one or leads into it.
fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| above.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}

/// How many parts of one value are shown.
const PARTS_MAX: usize = 500;
/// How many rows a node has at the most.
const ROWS_MAX: usize = 5_000;
/// How many characters of a value a row has; a viewer cuts it to its width.
const TEXT_MAX: usize = 300;

/// The rows of a node after `step`, with what differs from after `base`.
pub fn rows(model: &Model, node: usize, base: usize, step: usize, folds: &Folds) -> Vec<TreeRow> {
    let (before, after) = (model.state(node, base), model.state(node, step));
    let mut tree = Tree { model, node, folds, rows: Vec::new() };
    if !before.up || !after.up {
        let text = |up: bool| if up { "yes" } else { "no: it crashed, or was not started" }.to_owned();
        let changed = before.up != after.up;
        let sign = if changed { Sign::Changed } else { Sign::Same };
        let texts = (changed.then(|| text(before.up)), Some(text(after.up)));
        tree.push(UP.to_owned(), 0, shown(UP).to_owned(), sign, texts, None, Fold::Leaf);
    }
    if same_kind(model.pool(), Some(before.fields), Some(after.fields)) || before.fields == after.fields {
        tree.parts("", 0, Some(before.fields), Some(after.fields));
    } else {
        // A node of another type than before: only a file that was made by hand has one.
        let whole = Part {
            label: model.type_name(node).to_owned(),
            key: String::new(),
            before: Some(before.fields),
            after: Some(after.fields),
        };
        tree.part("", 0, whole);
    }
    if tree.rows.is_empty() && !folds.hide_unchanged {
        let text = model.full(after.fields, TEXT_MAX);
        tree.push(String::new(), 0, String::new(), Sign::Same, (None, Some(text)), None, Fold::Leaf);
    }
    if before.durable.is_some() || after.durable.is_some() {
        let (old, new) = (before.durable, after.durable);
        tree.part(
            "",
            0,
            Part { label: shown(DURABLE).to_owned(), key: DURABLE.to_owned(), before: old, after: new },
        );
    }
    tree.timers(base, step);
    tree.rows
}

struct Tree<'a> {
    model: &'a Model,
    node: usize,
    folds: &'a Folds,
    rows: Vec<TreeRow>,
}

impl Tree<'_> {
    #[expect(clippy::too_many_arguments, reason = "it is the row, field by field")]
    fn push(
        &mut self,
        path: String,
        depth: usize,
        label: String,
        sign: Sign,
        (before, after): (Option<String>, Option<String>),
        size: Option<usize>,
        fold: Fold,
    ) {
        if self.rows.len() < ROWS_MAX && !(self.folds.hide_unchanged && sign == Sign::Same) {
            let field = Field { node: self.node, path };
            self.rows.push(TreeRow { field, depth, label, sign, before, after, size, fold });
        }
    }

    fn parts(&mut self, path: &str, depth: usize, before: Option<ValueId>, after: Option<ValueId>) {
        let parts = diff::parts(self.model.pool(), before, after);
        let (count, mut shown) = (parts.len(), 0);
        for part in parts {
            // What changed is shown wherever it is.
            if shown < PARTS_MAX || part.sign() != Sign::Same {
                shown += 1;
                self.part(path, depth, part);
            }
            if self.rows.len() >= ROWS_MAX {
                break;
            }
        }
        if shown < count && self.rows.len() < ROWS_MAX {
            let text = Some(format!("and {} more that are the same", count - shown));
            self.push(
                format!("{path}[…]"),
                depth,
                "…".to_owned(),
                Sign::Same,
                (None, text),
                None,
                Fold::Leaf,
            );
        }
    }

    fn part(&mut self, path: &str, depth: usize, part: Part) {
        let pool = self.model.pool();
        let sign = part.sign();
        let path = format!("{path}{}", part.key);
        let path = path.strip_prefix('.').map(str::to_owned).unwrap_or(path);
        let whole = self.whole(&part);
        let inner = !diff::parts(pool, part.before.filter(|_| part.after.is_none()), part.after).is_empty();
        let fold = match inner {
            false => Fold::Leaf,
            true => {
                let chosen = self.folds.chosen.get(&Field { node: self.node, path: path.clone() }).copied();
                let open = chosen.unwrap_or(self.folds.all_open || (sign == Sign::Changed && !whole));
                if open { Fold::Open } else { Fold::Closed }
            }
        };
        let text = |id: Option<ValueId>| id.map(|id| self.model.full(id, TEXT_MAX));
        let size = part.after.or(part.before).and_then(|id| size(pool, id));
        // Where the parts are shown, they say what was before.
        let before =
            if sign == Sign::Same || (fold == Fold::Open && !whole) { None } else { text(part.before) };
        self.push(path.clone(), depth, part.label, sign, (before, text(part.after)), size, fold);
        if fold == Fold::Open {
            // Of two things of different kinds the parts do not belong together.
            let before = part.before.filter(|_| !whole);
            let before = if part.after.is_none() { part.before } else { before };
            self.parts(&path, depth + 1, before, part.after);
        }
    }

    /// Whether a part differs as a whole, and not only in its own parts.
    fn whole(&self, part: &Part) -> bool {
        part.before != part.after && !same_kind(self.model.pool(), part.before, part.after)
    }

    fn timers(&mut self, base: usize, step: usize) {
        let (model, node) = (self.model, self.node);
        let after = &model.state(node, step).timers;
        let changes = diff::timer_changes(model, node, base, step, 100);
        if after.is_empty() && changes.is_empty() {
            return;
        }
        let sign = if changes.is_empty() { Sign::Same } else { Sign::Changed };
        let chosen = self.folds.chosen.get(&Field { node, path: TIMERS.to_owned() }).copied();
        let open = chosen.unwrap_or(self.folds.all_open);
        let fold = if open { Fold::Open } else { Fold::Closed };
        let text = |timer: &crate::trace_file::Timer| {
            format!("{} {}", model.full(timer.value, TEXT_MAX), label::timer_length(timer))
        };
        let mut texts: Vec<String> = after.iter().take(20).map(text).collect();
        if after.len() > texts.len() {
            texts.push("…".to_owned());
        }
        let all = if texts.is_empty() { "none".to_owned() } else { texts.join(", ") };
        let (label, size) = (shown(TIMERS).to_owned(), Some(after.len()));
        self.push(TIMERS.to_owned(), 0, label, sign, (None, Some(all)), size, fold);
        if !open {
            return;
        }
        let pending = super::pending::timers(model, node, step);
        for (i, pending) in pending.into_iter().take(PARTS_MAX).enumerate() {
            let new = pending.set > base;
            let sign = if new { Sign::Added } else { Sign::Same };
            let text = match pending.blocked {
                Some(blocked) => format!("{} (waits: {blocked})", text(pending.timer)),
                None => text(pending.timer),
            };
            self.push(
                format!("{TIMERS}[{i}]"),
                1,
                format!("[{i}]"),
                sign,
                (None, Some(text)),
                None,
                Fold::Leaf,
            );
        }
        for change in changes.into_iter().filter(|change| change.sign == Sign::Removed) {
            let texts = (Some(change.before), None);
            self.push(format!("{TIMERS}[-]"), 1, "-".to_owned(), Sign::Removed, texts, None, Fold::Leaf);
        }
    }
}

impl TreeRow {
    /// The row as a line: sign, indentation, name, value, and if `since` is given the step that set it. What has no room
    /// is cut.
    pub fn line(&self, ascii: bool, name_width: usize, since: Option<String>, width: usize) -> Line {
        let (arrow, more) = if ascii { ("->", ">") } else { ("→", "…") };
        let mut line = self.head(ascii, name_width);
        let right = self.right(since);
        let room = width.saturating_sub(line.width() + right.width());
        let mut value = self.value(arrow);
        if let (Some(before), Some(after)) = (&self.before, &self.after)
            && value.width() > room
        {
            let half = room.saturating_sub(3);
            let keep = half.saturating_sub(Line::plain(after).width()).max(half / 2);
            value = Line::of(Role::Removed, Line::plain(before).fit(keep, "…").text());
            value.push(Role::Dim, format!(" {arrow} "));
            value.push(Role::Added, after);
        }
        line.append(value.fit(room, more));
        if !right.is_empty() && line.width() + right.width() <= width {
            line.pad_to(width - right.width());
            line.append(right);
        }
        line.fit(width, more)
    }

    /// The row with all of its value, however long that is, and the column at which the value begins; `None` if
    /// [`line`](Self::line) cuts nothing.
    pub fn whole(
        &self,
        ascii: bool,
        name_width: usize,
        since: Option<String>,
        width: usize,
    ) -> Option<(Line, usize)> {
        let mut line = self.head(ascii, name_width);
        let column = line.width();
        let value = self.value(if ascii { "->" } else { "→" });
        let fits = column + value.width() + self.right(since).width() <= width;
        line.append(value);
        (!fits).then_some((line, column))
    }

    fn head(&self, ascii: bool, name_width: usize) -> Line {
        let (open, closed) = if ascii { ("v", ">") } else { ("▾", "▸") };
        let role = match self.sign {
            Sign::Same => Role::Plain,
            Sign::Added => Role::Added,
            Sign::Removed => Role::Removed,
            Sign::Changed => Role::Changed,
        };
        let fold = match self.fold {
            Fold::Leaf => " ",
            Fold::Open => open,
            Fold::Closed => closed,
        };
        let mut line =
            Line::of(role, format!("{}{}{fold} ", self.sign.character(), "  ".repeat(self.depth.min(30))));
        line.push(Role::Strong, &self.label);
        line.pad_to(4 + 2 * self.depth.min(30) + name_width);
        line.push(Role::Plain, " ");
        line
    }

    fn right(&self, since: Option<String>) -> Line {
        let mut right = Line::new();
        if let Some(size) = self.size.filter(|size| *size > 0 && self.fold != Fold::Leaf) {
            right.push(Role::Dim, format!(" ({size})"));
        }
        if let Some(since) = since {
            right.push(Role::Dim, format!(" {since}"));
        }
        right
    }

    fn value(&self, arrow: &str) -> Line {
        let mut value = Line::new();
        match (&self.before, &self.after) {
            _ if self.fold == Fold::Open && self.before.is_none() && self.size.is_none() => {}
            (Some(before), Some(after)) => {
                value.push(Role::Removed, before);
                value.push(Role::Dim, format!(" {arrow} "));
                value.push(Role::Added, after);
            }
            (Some(before), None) => value.push(Role::Removed, format!("({before})")),
            (None, Some(after)) if self.fold != Fold::Open => {
                value.push(if self.sign == Sign::Added { Role::Added } else { Role::Plain }, after);
            }
            (None, _) => {}
        }
        value
    }
}

/// The width of the names of rows, for values to begin at one column; at most `max`.
pub fn name_width(rows: &[TreeRow], max: usize) -> usize {
    let widths = rows.iter().filter(|row| row.depth == 0).map(|row| Line::plain(&row.label).width());
    widths.max().unwrap_or_default().min(max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn text(model: &Model, node: &str, base: usize, step: usize, folds: &Folds) -> String {
        let rows = rows(model, model.node_called(node).unwrap(), base, step, folds);
        let names = name_width(&rows, 16);
        let lines = rows.iter().map(|row| row.line(false, names, None, 60).text().trim_end().to_owned());
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_changed_is_open_and_marked() {
        let model = Model::new(sample::demo());
        let folds = Folds::default();
        let texts = [
            text(&model, "acceptor2", 8, 9, &folds),
            text(&model, "acceptor3", 16, 17, &folds),
            text(&model, "proposer1", 4, 5, &folds),
        ];
        insta::assert_snapshot!(texts.join("\n\n"));
    }

    #[test]
    fn any_two_steps_can_be_compared_and_the_rest_hidden() {
        let model = Model::new(sample::demo());
        let folds = Folds { hide_unchanged: true, ..Folds::default() };
        insta::assert_snapshot!(text(&model, "acceptor3", 1, 18, &folds));
    }

    #[test]
    fn parts_are_opened_and_closed() {
        let model = Model::new(sample::demo());
        let mut folds = Folds::default();
        let field = |name| model.field_called(name).unwrap();
        folds.set(&field("acceptor3.accepted"), true);
        folds.set(&field("proposer1.timers"), true);
        let opened = [text(&model, "acceptor3", 18, 18, &folds), text(&model, "proposer1", 0, 1, &folds)];
        insta::assert_snapshot!(opened.join("\n\n"));
        folds.forget_below(&field("acceptor3"));
        assert!(!text(&model, "acceptor3", 18, 18, &folds).contains("number "));
    }

    #[test]
    fn a_crash_loses_fields_and_keeps_what_is_durable() {
        let model = Model::new(sample::crashed());
        let folds = Folds::default();
        let crash = model.steps_of(0).iter().copied().find(|s| !model.state(0, *s).up).unwrap();
        let texts = [crash, crash + 1].map(|step| text(&model, "server1", step - 1, step, &folds));
        insta::assert_snapshot!(texts.join("\n\n"));
    }
}
