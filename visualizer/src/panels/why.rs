//! The why panel: when the predicate became false, what changed then, which fields are to blame, and which deliveries
//! could have come in the other order.

use super::{Paper, Row, Target, heading};
use crate::live::Order;
use crate::model::field;
use crate::model::line::{Line, Role};
use crate::model::predicates::PredicateRow;
use crate::model::why::{Race, Why};
use crate::model::{Model, label};
use crate::session::Session;
use crate::trace_file::PredicateKind;

/// How many changes are listed.
const CHANGES_MAX: usize = 8;
/// How many causes of a step are listed.
const CHAIN_MAX: usize = 6;
/// How many nodes that acted for two fields are listed.
const MEETINGS_MAX: usize = 4;
/// How many changes of each.
const MEETING_CHANGES_MAX: usize = 3;
/// How many races are listed.
const RACES_MAX: usize = 6;

pub(super) fn rows(session: &mut Session, paper: Paper) -> Vec<Row> {
    let why = session.why().clone();
    let model = session.model();
    let row = &model.predicates()[why.predicate];
    let mut rows = Vec::new();
    rows.extend(paper.wrapped(&verdict(model, row, &why, paper), 2).into_iter().map(Row::text));
    if !why.reason.is_empty() {
        let reason = Line::of(Role::Strong, &why.reason);
        rows.extend(paper.wrapped(&reason, 2).into_iter().map(Row::text));
    }
    rows.extend(flip_line(model, &why, paper).map(Row::text));
    rows.push(Row::text(Line::new()));
    // The reason names the fields already; who acted for both of them is what one cannot see there.
    rows.extend(meeting_rows(model, &why, paper));
    rows.extend(blamed_rows(model, &why, paper));
    if !why.races.is_empty() {
        rows.push(heading("order that may matter"));
        for race in why.races.iter().take(RACES_MAX) {
            rows.extend(paper.rows_to(&race_line(model, race), 5, Some(Target::Step(race.second))));
        }
        if why.races.len() > RACES_MAX {
            let more = format!("   and {} more pairs", why.races.len() - RACES_MAX);
            rows.push(Row::text(Line::of(Role::Dim, more)));
        }
    }
    if !why.changes.is_empty() {
        let since = why.since.unwrap_or_default();
        rows.push(heading(format!("what step {} changed", model.number(since))));
        for change in why.changes.iter().take(CHANGES_MAX) {
            let mut line = Line::of(Role::Changed, format!(" {} ", change.sign.character()));
            line.push(Role::Label, model.field_name(&change.field));
            line.push(Role::Plain, format!("  {}", change_text(&change.before, &change.after, paper)));
            let target = Target::Written(change.field.clone(), since);
            rows.extend(paper.rows_to(&line, 5, Some(target)));
        }
    }
    rows.extend(tried(session, paper));
    rows.extend(dependence(model, &why, paper));
    rows
}

/// `made false by 18 AcceptAck 2 ← 17 ← 14`
fn flip_line(model: &Model, why: &Why, paper: Paper) -> Option<Line> {
    let since = why.since.filter(|since| *since > 0)?;
    let made = if why.holds == Some(true) { "true" } else { "false" };
    let mut line = Line::plain(format!("made {made} by "));
    line.append(chain_line(model, since, paper));
    Some(line.fit(paper.width, paper.more()))
}

/// `18 AcceptAck 2 ← 17 ← 14`: a step and what it was caused by.
fn chain_line(model: &Model, step: usize, paper: Paper) -> Line {
    let arrow = if paper.ascii { "<" } else { "←" };
    let mut line = Line::plain(format!("{} ", model.number(step)));
    line.push(Role::Label, model.label(step, 24));
    for link in model.chain(step).iter().skip(1).take(CHAIN_MAX) {
        line.push(Role::Cause, format!(" {arrow} {}", model.number(link.step)));
    }
    line
}

/// The blamed fields, each with the step that set it and what that was caused by.
fn blamed_rows(model: &Model, why: &Why, paper: Paper) -> Vec<Row> {
    let mut rows = Vec::new();
    if !why.blamed.is_empty() {
        rows.push(heading("blamed fields and who set them"));
    }
    for blamed in &why.blamed {
        let line = Line::of(Role::Bad, " ! ").with(Role::Label, &blamed.name);
        let line = line.with(Role::Plain, &blamed.text()[blamed.name.len()..]);
        let since = match blamed.since {
            0 => "  since the start".to_owned(),
            step => format!("  set at {}", model.number(step)),
        };
        let target = match &blamed.field {
            Some(field) => Target::Written(field.clone(), blamed.since),
            None => Target::Step(blamed.since),
        };
        rows.extend(paper.rows_to(&line.with(Role::Cause, since), 3, Some(target)));
        // The causes of the step that made it so are told above.
        if blamed.since > 0 && why.since != Some(blamed.since) {
            let mut line = Line::plain("   by ");
            line.append(chain_line(model, blamed.since, paper));
            rows.push(Row::text(line.fit(paper.width, paper.more())));
        }
    }
    rows
}

/// `acceptor2: 8 Prepare 2 for proposer2, then 9 Accept 1 A for proposer1`, with what changed in between.
fn meeting_rows(model: &Model, why: &Why, paper: Paper) -> Vec<Row> {
    let mut rows = Vec::new();
    if !why.meetings.is_empty() {
        rows.push(heading("who acted for both"));
    }
    for meeting in why.meetings.iter().take(MEETINGS_MAX) {
        let of = |step: usize, place: usize| {
            let field = why.blamed[place].field.as_ref();
            let whom = field.map_or("", |field| model.address(field.node));
            (format!("{} {}", model.number(step), model.label(step, 30)), format!(" for {whom}"))
        };
        let mut line = Line::of(Role::Cause, " = ").with(Role::Node, model.address(meeting.node));
        for (word, (label, whom)) in [
            (": ", of(meeting.first, meeting.first_for)),
            (", then ", of(meeting.second, meeting.second_for)),
        ] {
            line.push(Role::Plain, word);
            line.push(Role::Label, label);
            line.push(Role::Plain, whom);
        }
        rows.extend(paper.rows_to(&line, 5, Some(Target::Step(meeting.second))));
        for change in meeting.changes.iter().take(MEETING_CHANGES_MAX) {
            let mut line = Line::of(Role::Changed, format!("   {} ", change.sign.character()));
            line.push(Role::Label, field::shown(&change.field.path));
            line.push(Role::Plain, format!("  {}", change_text(&change.before, &change.after, paper)));
            let target = Target::Written(change.field.clone(), meeting.second);
            rows.extend(paper.rows_to(&line, 7, Some(target)));
        }
    }
    rows
}

/// What came of other orders.
fn tried(session: &Session, paper: Paper) -> Vec<Row> {
    let (model, orders) = (session.model(), session.orders());
    let mut rows = Vec::new();
    if !orders.is_empty() {
        rows.push(heading("the other order, tried"));
    }
    for (i, order) in orders.iter().enumerate() {
        let (sign, role) = match order.holds {
            Some(true) => (paper.yes(), Role::Good),
            Some(false) => (paper.no(), Role::Bad),
            None => ("?", Role::Dim),
        };
        let mut line = Line::of(Role::Strong, format!(" {} ", i + 1)).with(role, format!("{sign} "));
        line.push(Role::Plain, order_text(model, order));
        rows.extend(paper.wrapped(&line, 5).into_iter().map(Row::text));
    }
    rows
}

/// What came of one other order, in words.
pub(crate) fn order_text(model: &Model, order: &Order) -> String {
    let (first, second) = (model.number(order.first), model.number(order.second));
    let holds = match order.holds {
        Some(true) => "it holds",
        Some(false) => "it fails",
        None => "it is not known",
    };
    let differs = match order.differs.as_slice() {
        [] => "nothing differs".to_owned(),
        some => some.join("; "),
    };
    let mut text = format!("{second} before {first}: {holds}; {differs}");
    if order.replaced > 0 {
        text.push_str(&format!(
            "; of the later steps {} have another message or timer of the same kind",
            order.replaced
        ));
    }
    if order.skipped > 0 {
        text.push_str(&format!("; {} of the later steps cannot happen", order.skipped));
    }
    text
}

fn change_text(before: &str, after: &str, paper: Paper) -> String {
    match (before.is_empty(), after.is_empty()) {
        (true, _) => after.to_owned(),
        (_, true) => format!("({before})"),
        _ => format!("{before} {} {after}", paper.arrow()),
    }
}

fn verdict(model: &Model, row: &PredicateRow, why: &Why, paper: Paper) -> Line {
    let kind = match row.kind {
        PredicateKind::Invariant => "",
        PredicateKind::StepInvariant => "of steps: ",
        PredicateKind::Goal => "goal: ",
        PredicateKind::Prune => "prune: ",
    };
    let (sign, role) = match why.holds {
        Some(true) => (paper.yes(), Role::Good),
        Some(false) => (paper.no(), Role::Bad),
        None => ("?", Role::Dim),
    };
    let mut line = Line::of(role, format!("{sign} ")).with(Role::Strong, format!("{kind}{}", row.name));
    let word = match why.holds {
        Some(true) => "true",
        Some(false) => "false",
        None => "not known",
    };
    line.push(Role::Plain, format!("  {word} at {}", model.number(why.step)));
    match (why.since, why.last_otherwise()) {
        (Some(0), _) => line.push(Role::Plain, ", since the start"),
        (Some(since), Some(last)) if why.holds.is_some() => {
            let other = if why.holds == Some(true) { "false" } else { "true" };
            let other = if row.holds(last).is_some() { other } else { "not known" };
            let text = format!(", since {}; last {other} at {}", model.number(since), model.number(last));
            line.push(Role::Plain, text);
        }
        _ => {}
    }
    line
}

/// `acceptor2: Prepare 2 at 8, then Accept 1 A at 9, sent at 5`
fn race_line(model: &Model, race: &Race) -> Line {
    let mut line = Line::of(Role::Cause, " ? ").with(Role::Node, model.address(race.node));
    line.push(Role::Plain, ": ");
    line.push(Role::Label, model.label(race.first, 30));
    line.push(Role::Plain, format!(" at {}, then ", model.number(race.first)));
    line.push(Role::Label, model.label(race.second, 30));
    line.push(Role::Plain, format!(" at {}, ", model.number(race.second)));
    line.push(Role::Cause, format!("sent at {}", model.number(race.sent)));
    line
}

/// What stands for fields that are not there, and what all this depends on.
fn dependence(model: &Model, why: &Why, paper: Paper) -> Vec<Row> {
    let mut texts: Vec<String> = why.substitutes(model).into_iter().collect();
    let count = why.past.len() + why.outside.len();
    if count > 0 && why.outside.is_empty() {
        texts.push(format!("this depends on all {}", label::count(count, "step")));
    } else if count > 0 {
        let numbers: Vec<String> =
            why.outside.iter().take(30).map(|s| model.number(*s).to_string()).collect();
        let (past, numbers) = (why.past.len(), numbers.join(", "));
        texts.push(format!("this depends on {past} of {count} steps, not on {numbers}"));
    }
    if texts.is_empty() {
        return Vec::new();
    }
    let lines = texts.into_iter().flat_map(|text| paper.wrapped(&Line::of(Role::Dim, text), 2));
    std::iter::once(Line::new()).chain(lines).map(Row::text).collect()
}

/// The same in three lines: the reason; the flip and where it comes from; the fields.
pub(super) fn strip(session: &mut Session, paper: Paper) -> Vec<Line> {
    let why = session.why().clone();
    let model = session.model();
    let row = &model.predicates()[why.predicate];
    let mut first = Line::of(if row.is_broken(why.step) { Role::Bad } else { Role::Plain }, &why.reason);
    if why.reason.is_empty() {
        first = verdict(model, row, &why, paper);
    }
    let second = flip_line(model, &why, paper).unwrap_or_default();
    let mut third = Line::new();
    if let Some(meeting) = why.meetings.first() {
        let (first, second) = (model.number(meeting.first), model.number(meeting.second));
        third.push(Role::Node, model.address(meeting.node));
        third.push(Role::Plain, format!(" acted for both at {first} and {second}   "));
    }
    for blamed in why.blamed.iter().take(4) {
        let since =
            if blamed.since == 0 { "start".to_owned() } else { model.number(blamed.since).to_string() };
        third.push(Role::Label, &blamed.name);
        third.push(Role::Plain, format!(" set at {since}   "));
    }
    [first, second, third].into_iter().map(|line| line.fit(paper.width, paper.more())).collect()
}
