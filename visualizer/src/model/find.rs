//! Finds steps: by words, by what they are about, or by a regular expression.

use regex::{Regex, RegexBuilder};

use super::{Model, diff, field};

/// What a person looks for: all the words must fit.
///
/// | Word | Fits steps |
/// |---|---|
/// | `promise` | whose sentence, or the changed fields, contain it; capitals matter if there are any |
/// | `type:Accept` | whose message or timer is of this kind |
/// | `node:server1`, `from:`, `to:` | at this node, or with a message from or to it |
/// | `field:log` | that change a field whose path contains this |
/// | `/Accept.*B/` | whose sentence fits this regular expression |
#[derive(Clone, Debug)]
pub struct Query {
    text: String,
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
enum Term {
    Words(String),
    Kind(String),
    Node(String),
    From(String),
    To(String),
    Field(String),
    Pattern(Regex),
}

/// The largest compiled regular expression, in bytes.
const PATTERN_MAX: usize = 1 << 20;

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    ///
    /// When a regular expression is none, or a word before a colon is not known; the message says which.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let pattern =
            text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).filter(|p| !p.is_empty());
        let terms = match pattern {
            Some(pattern) => {
                let regex = RegexBuilder::new(pattern).size_limit(PATTERN_MAX).build();
                let regex = regex.map_err(|error| {
                    let reason = error.to_string();
                    let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    format!("`/{pattern}/` is no regular expression: {reason}")
                })?;
                vec![Term::Pattern(regex)]
            }
            None => text.split_whitespace().map(term).collect::<Result<_, _>>()?,
        };
        Ok(Self { text: text.to_owned(), terms })
    }

    /// What was asked.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it asks for anything.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a step fits.
    pub fn fits(&self, model: &Model, step: usize) -> bool {
        let facts = Facts::of(model, step);
        self.terms.iter().all(|term| term.fits(model, &facts))
    }

    /// The steps that fit, in order.
    pub fn steps(&self, model: &Model) -> Vec<usize> {
        (0..=model.len()).filter(|step| self.fits(model, *step)).collect()
    }
}

fn term(word: &str) -> Result<Term, String> {
    let Some((key, value)) = word.split_once(':').filter(|(_, value)| !value.starts_with(':')) else {
        return Ok(Term::Words(word.to_owned()));
    };
    let value = value.to_owned();
    Ok(match key {
        "type" => Term::Kind(value),
        "node" => Term::Node(value),
        "from" => Term::From(value),
        "to" => Term::To(value),
        "field" => Term::Field(value),
        _ => {
            return Err(format!(
                "`{key}:` is not known; possible: type: node: from: to: field: or /a pattern/"
            ));
        }
    })
}

/// How many characters of a sentence are searched.
const SENTENCE_MAX: usize = 2_000;
/// How many changes of a step are searched.
const CHANGES_MAX: usize = 100;
/// How long the name of an event is that is neither a message nor a timer.
const LABEL_MAX: usize = 40;

/// What of a step is looked at. Whoever searches without this program, as a page does, has the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What happens, in words.
    pub sentence: String,
    /// What went wrong in the handler.
    pub fault: Option<String>,
    /// The kind of the message or timer; of other events what they are called. Nothing at the start, like the rest.
    pub kind: Option<String>,
    /// The node at which it happens.
    pub node: Option<String>,
    /// The sender of the message that arrives.
    pub from: Option<String>,
    /// Its receiver.
    pub to: Option<String>,
    /// The paths of the fields that it changes.
    pub changed: Vec<String>,
}

impl Facts {
    /// The facts of a step.
    pub fn of(model: &Model, step: usize) -> Self {
        let sentence = model.headline(step, SENTENCE_MAX);
        let (Some(happened), Some(node)) = (model.step(step), model.acting(step)) else {
            return Self { sentence, ..Self::default() };
        };
        let message = happened.event.message().map(|id| model.message(id));
        let timer = happened.event.timer().map(|timer| &timer.kind);
        let kind = message.map(|message| &message.kind).or(timer);
        let changes = diff::changes(model, node, step - 1, step, CHANGES_MAX);
        Self {
            sentence,
            fault: happened.fault.clone(),
            kind: Some(kind.cloned().unwrap_or_else(|| model.label(step, LABEL_MAX))),
            node: Some(model.address(node).to_owned()),
            from: message.map(|message| message.from.clone()),
            to: message.map(|message| message.to.clone()),
            changed: changes.iter().map(|change| field::shown(&change.field.path).to_owned()).collect(),
        }
    }
}

impl Term {
    fn fits(&self, model: &Model, facts: &Facts) -> bool {
        let is = |address: &Option<String>, name: &str| {
            address.as_ref().is_some_and(|address| {
                address == name || model.node_called(name).is_some_and(|node| model.address(node) == address)
            })
        };
        match self {
            Self::Words(word) => {
                let mut texts = [&facts.sentence].into_iter().chain(&facts.fault).chain(&facts.changed);
                texts.any(|text| contains(text, word))
            }
            Self::Kind(kind) => facts.kind.as_ref() == Some(kind),
            Self::Node(name) => is(&facts.node, name),
            Self::From(name) => is(&facts.from, name),
            Self::To(name) => is(&facts.to, name),
            Self::Field(path) => facts.changed.iter().any(|changed| contains(changed, path)),
            // The start is not of this trace.
            Self::Pattern(regex) => facts.kind.is_some() && regex.is_match(&facts.sentence),
        }
    }
}

/// Whether a text contains a word; a word without capitals is found in any case.
fn contains(text: &str, word: &str) -> bool {
    if word.chars().any(char::is_uppercase) {
        text.contains(word)
    } else {
        text.to_lowercase().contains(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn finds_by_word_kind_node_field_and_pattern() {
        let model = Model::new(sample::demo());
        let find = |text: &str| Query::parse(text).unwrap().steps(&model);
        assert_eq!(find("type:Accept"), [6, 9, 15, 17]);
        assert_eq!(find("type:Accept node:a3"), [6, 17]);
        assert_eq!(find("to:acceptor2 from:p1"), [9]);
        assert_eq!(find("field:decision"), [11, 18]);
        assert_eq!(find("decision"), [11, 18]);
        assert_eq!(find("propose fires"), [1, 7]);
        assert_eq!(find("ACCEPT"), [0_usize; 0]);
        assert_eq!(find("/Accept .*\"B\"/"), [15, 17]);
        assert_eq!(find("initial"), [0]);
        assert_eq!(find("").len(), 19);
    }

    #[test]
    fn says_what_is_possible() {
        let errors = ["color:red", "/(/"].map(|text| Query::parse(text).unwrap_err());
        insta::assert_snapshot!(errors.join("\n"));
    }
}
