//! The tree panel: the branches, where they part, what they show, and how two of them differ.

use super::{Paper, Row, Target, heading};
use crate::model::label;
use crate::model::line::{Line, Role};
use crate::session::{BranchRow, Session};

/// The widest name of a branch that is shown whole.
const NAME_MAX: usize = 16;

pub(super) fn rows(session: &mut Session, paper: Paper) -> Vec<Row> {
    let branches = session.branches();
    let name_width =
        branches.iter().map(|branch| branch.name.chars().count()).max().unwrap_or(0).min(NAME_MAX);
    let longest = branches.iter().map(|branch| branch.len).max().unwrap_or(0);
    let mut rows = Vec::new();
    for (i, branch) in branches.iter().enumerate() {
        let line = line(session, &branches, branch, (name_width, longest), paper);
        rows.extend(paper.rows_to(&line, 4, Some(Target::Branch(i))));
    }
    let (model, step) = (session.model(), session.step());
    for mark in &model.file().marks {
        let role = if mark.step == step { Role::Strong } else { Role::Cause };
        let text = format!("   bookmark at {}  {}", model.number(mark.step), mark.name);
        rows.push(Row::to(Line::of(role, text).fit(paper.width, paper.more()), Target::Step(mark.step)));
    }
    if !session.is_live() {
        let text = if model.file().is_of_a_lab() {
            "A saved trace is one branch. With the lab's code there can be more: `cargo lab replay FILE`."
        } else {
            "A saved trace is one branch. This one is of no lab's system, so it cannot be run again."
        };
        rows.extend(paper.wrapped(&Line::of(Role::Dim, text), 0).into_iter().map(Row::text));
    }
    let difference = session.difference();
    if let Some((head, lines)) = difference.split_first() {
        rows.push(heading(""));
        rows.push(heading(head));
        for text in lines {
            rows.extend(paper.wrapped(&Line::plain(format!(" {text}")), 4).into_iter().map(Row::text));
        }
    }
    if !session.opening.is_empty() {
        rows.push(heading(""));
        rows.push(heading("how it began"));
        for text in &session.opening {
            rows.extend(paper.wrapped(&Line::plain(format!(" {text}")), 4).into_iter().map(Row::text));
        }
    }
    rows
}

fn line(
    session: &Session,
    branches: &[BranchRow],
    branch: &BranchRow,
    (name_width, longest): (usize, usize),
    paper: Paper,
) -> Line {
    let here = if branch.current { "*" } else { " " };
    let mut line = Line::of(Role::Strong, format!("{here} "));
    let name = Line::of(if branch.current { Role::Strong } else { Role::Plain }, &branch.name);
    let name = name.fit(name_width, paper.more());
    line.append(name);
    line.pad_to(name_width + 4);
    let mut right = Line::new();
    if !branch.shows.is_empty() {
        let role = if branch.is_failure { Role::Bad } else { Role::Good };
        right.push(role, format!("  {}", branch.shows));
    }
    let shared = branch.from.map_or(0, |(_, shared)| shared);
    if 2 * longest + 1 + line.width() + 8 <= paper.width {
        line.append(drawing(session, branch, shared, paper));
        line.pad_to(name_width + 4 + 2 * longest + 2);
        line.push(Role::Dim, format!(" {}", branch.len));
    } else {
        line.push(Role::Plain, label::count(branch.len, "step"));
        if let Some((other, shared)) = branch.from {
            let at = session.model().number(shared);
            line.push(Role::Dim, format!(", parts from {} at {at}", branches[other].name));
        }
    }
    line.append(right);
    line
}

/// A dot for every step that the branch does not share with the one it comes from.
fn drawing(session: &Session, branch: &BranchRow, shared: usize, paper: Paper) -> Line {
    let (dot, dash, corner) = if paper.ascii { ("o", "-", "\\") } else { ("●", "─", "╰") };
    let mut line = Line::new();
    if branch.from.is_some() {
        line.push(Role::Dim, format!("{}{corner}", " ".repeat(2 * shared)));
    } else {
        line.push(if branch.current && session.step() == 0 { Role::Key } else { Role::Plain }, dot);
    }
    for step in shared + 1..=branch.len {
        line.push(Role::Dim, dash);
        let last = step == branch.len && branch.is_failure;
        let sign = if last { paper.no() } else { dot };
        let role = match (branch.current && session.step() == step, last) {
            (true, _) => Role::Key,
            (false, true) => Role::Bad,
            (false, false) => Role::Plain,
        };
        line.push(role, sign);
    }
    line
}
