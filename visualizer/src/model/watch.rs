//! Watch expressions: a small language over recorded values, evaluated at any step without anybody's code.
//!
//! ```text
//! server2.slots[1].accepted.ballot >= server2.promised     fields of nodes, compared
//! max(server*.current_term)                                over all nodes whose address fits
//! count(server*.role == "Leader") <= 1                     how many nodes fit
//! len(s1.log) > 3 && up(s1)                                sizes, whether a node runs
//! pending(Accept) > 0                                      messages of a kind that are in the network
//! ```

use std::cmp::Ordering;
use std::fmt;

use super::field::{Field, Found};
use super::{Model, diff, label};
use crate::pool::Entry;

/// A watch expression.
#[derive(Clone, Debug)]
pub struct Watch {
    text: String,
    expression: Expression,
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// `None`, or there is no such thing at this step.
    Absent,
    /// True or false.
    Bool(bool),
    /// A number.
    Int(i128),
    /// Anything else, as its text.
    Text(String),
    /// One for each node.
    Many(Vec<Datum>),
}

impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("None"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Text(text) => f.write_str(text),
            Self::Many(items) => {
                let items: Vec<String> = items.iter().map(Self::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Expression {
    Constant(Datum),
    Path(String),
    Not(Box<Expression>),
    Compare(Box<Expression>, &'static str, Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Call(&'static str, Box<Expression>),
    Up(String),
    Pending(String),
}

const FUNCTIONS: [&str; 6] = ["max", "min", "count", "len", "all", "any"];
const COMPARISONS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];
/// How deep parentheses may be nested.
const DEPTH_MAX: usize = 50;

impl Watch {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// Says what was expected where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { text, place: 0, depth: 0 };
        let expression = parser.any()?;
        parser.skip();
        match parser.rest() {
            "" => Ok(Self { text: text.trim().to_owned(), expression }),
            rest => Err(format!("`{rest}` is left over; expected `&&`, `||`, a comparison or the end")),
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it comes to after a step.
    pub fn at(&self, model: &Model, step: usize) -> Datum {
        evaluate(&self.expression, model, step)
    }

    /// Since which step it is what it is after `step`; 0 if since the start.
    pub fn since(&self, model: &Model, step: usize) -> usize {
        let now = self.at(model, step);
        (0..step).rev().find(|s| self.at(model, *s) != now).map_or(0, |s| s + 1)
    }

    /// The nearest step after or before `step` at which it becomes something else.
    pub fn next_change(&self, model: &Model, step: usize, forward: bool) -> Option<usize> {
        let changes = |s: &usize| self.at(model, *s) != self.at(model, *s - 1);
        if forward { (step + 1..=model.len()).find(changes) } else { (1..step).rev().find(changes) }
    }
}

fn evaluate(expression: &Expression, model: &Model, step: usize) -> Datum {
    match expression {
        Expression::Constant(datum) => datum.clone(),
        Expression::Path(path) => fields(model, path, step),
        Expression::Not(inner) => match evaluate(inner, model, step) {
            Datum::Bool(value) => Datum::Bool(!value),
            Datum::Many(items) => Datum::Many(
                items
                    .into_iter()
                    .map(|item| if let Datum::Bool(b) = item { Datum::Bool(!b) } else { item })
                    .collect(),
            ),
            _ => Datum::Absent,
        },
        Expression::Compare(a, how, b) => compare(evaluate(a, model, step), how, evaluate(b, model, step)),
        Expression::All(parts) => Datum::Bool(parts.iter().all(|part| is_true(&evaluate(part, model, step)))),
        Expression::Any(parts) => Datum::Bool(parts.iter().any(|part| is_true(&evaluate(part, model, step)))),
        Expression::Call("len", inner) => match &**inner {
            Expression::Path(path) => sizes(model, path, step),
            _ => Datum::Absent,
        },
        Expression::Call(function, inner) => call(function, evaluate(inner, model, step)),
        Expression::Up(name) => {
            let up = nodes(model, name).into_iter().map(|node| Datum::Bool(model.state(node, step).up));
            one_or_many(name, up.collect())
        }
        Expression::Pending(kind) => {
            let network = model.file().messages.iter().enumerate().filter(|(id, message)| {
                let id = u32::try_from(*id).unwrap_or(u32::MAX);
                message.kind == *kind && model.first_sent(id).is_some_and(|sent| sent <= step)
            });
            Datum::Int(i128::try_from(network.count()).unwrap_or(i128::MAX))
        }
    }
}

fn is_true(datum: &Datum) -> bool {
    match datum {
        Datum::Bool(value) => *value,
        Datum::Many(items) => items.iter().all(is_true),
        _ => false,
    }
}

fn call(function: &str, datum: Datum) -> Datum {
    let items = match datum {
        Datum::Many(items) => items,
        one => vec![one],
    };
    let present = || items.iter().filter(|item| **item != Datum::Absent);
    match function {
        "all" => Datum::Bool(items.iter().all(is_true)),
        "any" => Datum::Bool(items.iter().any(is_true)),
        "count" => {
            // Conditions are counted where they hold, values where they are there.
            let is_condition = present().all(|item| matches!(item, Datum::Bool(_)));
            let count =
                if is_condition { present().filter(|i| is_true(i)).count() } else { present().count() };
            Datum::Int(i128::try_from(count).unwrap_or(i128::MAX))
        }
        _ => {
            let wanted = if function == "max" { Ordering::Greater } else { Ordering::Less };
            let best = present()
                .cloned()
                .reduce(|best, item| if order(&item, &best) == Some(wanted) { item } else { best });
            best.unwrap_or(Datum::Absent)
        }
    }
}

fn order(a: &Datum, b: &Datum) -> Option<Ordering> {
    match (a, b) {
        (Datum::Int(a), Datum::Int(b)) => Some(a.cmp(b)),
        (Datum::Bool(a), Datum::Bool(b)) => Some(a.cmp(b)),
        (Datum::Text(a), Datum::Text(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn compare(a: Datum, how: &str, b: Datum) -> Datum {
    match (a, b) {
        (Datum::Many(items), Datum::Many(others)) if items.len() == others.len() => {
            Datum::Many(items.into_iter().zip(others).map(|(a, b)| compare(a, how, b)).collect())
        }
        (Datum::Many(items), b) => {
            Datum::Many(items.into_iter().map(|a| compare(a, how, b.clone())).collect())
        }
        (a, Datum::Many(items)) => {
            Datum::Many(items.into_iter().map(|b| compare(a.clone(), how, b)).collect())
        }
        (a, b) => {
            let order = order(&a, &b);
            match how {
                "==" => Datum::Bool(a == b),
                "!=" => Datum::Bool(a != b),
                "<" => order.map_or(Datum::Absent, |order| Datum::Bool(order.is_lt())),
                "<=" => order.map_or(Datum::Absent, |order| Datum::Bool(order.is_le())),
                ">" => order.map_or(Datum::Absent, |order| Datum::Bool(order.is_gt())),
                _ => order.map_or(Datum::Absent, |order| Datum::Bool(order.is_ge())),
            }
        }
    }
}

/// The nodes that a name with a star means: `server*`; or the one that it names.
fn nodes(model: &Model, name: &str) -> Vec<usize> {
    match name.strip_suffix('*') {
        Some(beginning) => {
            (0..model.nodes()).filter(|node| model.address(*node).starts_with(beginning)).collect()
        }
        None => model.node_called(name).into_iter().collect(),
    }
}

fn one_or_many(name: &str, mut all: Vec<Datum>) -> Datum {
    if name.contains('*') { Datum::Many(all) } else { all.pop().unwrap_or(Datum::Absent) }
}

fn fields(model: &Model, path: &str, step: usize) -> Datum {
    each(model, path, |field| datum(model, &field, step))
}

fn sizes(model: &Model, path: &str, step: usize) -> Datum {
    each(model, path, |field| match model.found(&field, step) {
        Found::Value(id) => size(diff::size(model.pool(), id)),
        Found::Timers(timers) => size(Some(timers.len())),
        Found::Up(_) | Found::Absent => Datum::Absent,
    })
}

fn size(size: Option<usize>) -> Datum {
    size.and_then(|size| i128::try_from(size).ok()).map_or(Datum::Absent, Datum::Int)
}

fn each(model: &Model, path: &str, of: impl Fn(Field) -> Datum) -> Datum {
    let (name, path) = path.split_once('.').unwrap_or((path, ""));
    let all =
        nodes(model, name).into_iter().map(|node| of(Field { node, path: model.full_path(node, path) }));
    one_or_many(name, all.collect())
}

fn datum(model: &Model, field: &Field, step: usize) -> Datum {
    let pool = model.pool();
    match model.found(field, step) {
        Found::Up(up) => Datum::Bool(up),
        Found::Absent => Datum::Absent,
        Found::Timers(_) => Datum::Text(model.field_text(field, step, 200)),
        Found::Value(id) => match pool.entry(super::field::peeled(pool, id)) {
            Some(Entry::Bool(value)) => Datum::Bool(*value),
            Some(Entry::Int(value)) => Datum::Int(*value),
            Some(Entry::Text(text) | Entry::Address(text)) => Datum::Text(text.chars().take(1_000).collect()),
            Some(Entry::None) => Datum::Absent,
            _ => Datum::Text(label::full(pool, super::field::peeled(pool, id), 1_000)),
        },
    }
}

struct Parser<'a> {
    text: &'a str,
    place: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.place..]
    }

    fn skip(&mut self) {
        self.place += self.rest().len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip();
        let found = self.rest().starts_with(token);
        if found {
            self.place += token.len();
        }
        found
    }

    fn any(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.all()?];
        while self.eat("||") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Any(parts) })
    }

    fn all(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.comparison()?];
        while self.eat("&&") {
            parts.push(self.comparison()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::All(parts) })
    }

    fn comparison(&mut self) -> Result<Expression, String> {
        let left = self.term()?;
        match COMPARISONS.iter().find(|how| self.eat(how)) {
            Some(how) => Ok(Expression::Compare(Box::new(left), how, Box::new(self.term()?))),
            None => Ok(left),
        }
    }

    fn term(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("too many parentheses".to_owned());
        }
        let term = self.simple();
        self.depth -= 1;
        term
    }

    fn simple(&mut self) -> Result<Expression, String> {
        if self.eat("(") {
            let inner = self.any()?;
            return if self.eat(")") { Ok(inner) } else { Err("a `)` is missing".to_owned()) };
        }
        if self.eat("!") {
            return Ok(Expression::Not(Box::new(self.term()?)));
        }
        self.skip();
        if let Some(rest) = self.rest().strip_prefix('"') {
            let end = rest.find('"').ok_or("a closing `\"` is missing")?;
            self.place += end + 2;
            return Ok(Expression::Constant(Datum::Text(rest[..end].to_owned())));
        }
        let word = self.word();
        if word.is_empty() {
            let rest = self.rest();
            let found = if rest.is_empty() { "the end".to_owned() } else { format!("`{rest}`") };
            return Err(format!("expected a field such as `server1.log`, a number or a text, not {found}"));
        }
        if let Ok(number) = word.parse() {
            return Ok(Expression::Constant(Datum::Int(number)));
        }
        if self.eat("(") {
            return self.call(word);
        }
        Ok(match word {
            "true" | "false" => Expression::Constant(Datum::Bool(word == "true")),
            "None" => Expression::Constant(Datum::Absent),
            path => Expression::Path(path.to_owned()),
        })
    }

    fn call(&mut self, function: &str) -> Result<Expression, String> {
        let inner = if function == "up" || function == "pending" {
            self.skip();
            let name = self.word().to_owned();
            if function == "up" { Expression::Up(name) } else { Expression::Pending(name) }
        } else {
            let known = FUNCTIONS.iter().find(|known| **known == function);
            let known = known.ok_or_else(|| {
                format!("there is no function `{function}`; known are {}, up, pending", FUNCTIONS.join(", "))
            })?;
            Expression::Call(known, Box::new(self.any()?))
        };
        if self.eat(")") { Ok(inner) } else { Err(format!("a `)` is missing after `{function}(…`")) }
    }

    /// A number or a path; in brackets there may be anything.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let mut depth = 0_usize;
        let end = rest.char_indices().find(|(_, c)| {
            match c {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && !(c.is_alphanumeric() || matches!(c, '.' | '_' | '*' | ']' | '-' | '@'))
        });
        let end = end.map_or(rest.len(), |(place, _)| place);
        self.place += end;
        &rest[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn expressions_are_evaluated_at_any_step() {
        let model = Model::new(sample::demo());
        let at = |text: &str, step| Watch::parse(text).unwrap().at(&model, step).to_string();
        assert_eq!(at("acceptor2.prepared", 8), "2");
        assert_eq!(at("a2.accepted.number >= a2.prepared", 8), "None");
        assert_eq!(at("a2.accepted.number >= a2.prepared", 9), "false");
        assert_eq!(at("max(acceptor*.prepared)", 6), "1");
        assert_eq!(at("max(acceptor*.prepared)", 8), "2");
        assert_eq!(at("count(proposer*.decision != None)", 10), "0");
        assert_eq!(at("count(proposer*.decision != None) <= 1 && p1.decision == \"A\"", 12), "true");
        assert_eq!(at("proposer*.decision", 18), "[A, B]");
        assert_eq!(at("len(p1.accept_acks) == 2 || p1.quorum < 1", 11), "true");
        assert_eq!(at("len(p1.accept_acks)", 10), "1");
        assert_eq!(at("pending(Accept)", 4), "0");
        assert_eq!(at("pending(Accept) > 0", 5), "true");
        assert_eq!(at("all(up(acceptor*)) && !(1 == 2)", 5), "true");
        assert_eq!(at("any(acceptor*.prepared > 1)", 8), "true");
        assert_eq!(at("nobody.field", 8), "None");
        assert_eq!(at("-3 < 0", 8), "true");
        let watch = Watch::parse("max(acceptor*.prepared)").unwrap();
        assert_eq!((watch.since(&model, 18), watch.next_change(&model, 18, false)), (8, Some(8)));
        assert_eq!((watch.since(&model, 1), watch.next_change(&model, 2, true)), (0, Some(8)));
    }

    #[test]
    fn mistakes_are_explained() {
        let deep = "(".repeat(100);
        let errors = ["", "a.b ==", "(a.b", "sum(a.b)", "a.b c.d", "\"x", "up(a", deep.as_str()]
            .map(|text| Watch::parse(text).unwrap_err());
        insta::assert_snapshot!(errors.join("\n"));
    }
}
