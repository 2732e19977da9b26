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
        self.terms.iter().all(|term| term.fits(model, step))
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

impl Term {
    fn fits(&self, model: &Model, step: usize) -> bool {
        let Some(happened) = model.step(step) else {
            return matches!(self, Self::Words(word) if contains(&model.headline(0, SENTENCE_MAX), word));
        };
        let message = happened.event.message().map(|id| model.message(id));
        let is = |address: &str, name: &str| {
            address == name || model.node_called(name).is_some_and(|node| model.address(node) == address)
        };
        match self {
            Self::Words(word) => {
                contains(&model.headline(step, SENTENCE_MAX), word)
                    || happened.fault.as_deref().is_some_and(|fault| contains(fault, word))
                    || changed(model, step).any(|path| contains(&path, word))
            }
            Self::Kind(kind) => {
                let timer = happened.event.timer().map(|timer| timer.kind.as_str());
                let is_kind = message.map(|message| message.kind.as_str()).or(timer) == Some(kind.as_str());
                is_kind || (message.is_none() && timer.is_none() && model.label(step, 40) == *kind)
            }
            Self::Node(name) => model.acting(step).is_some_and(|node| is(model.address(node), name)),
            Self::From(name) => message.is_some_and(|message| is(&message.from, name)),
            Self::To(name) => message.is_some_and(|message| is(&message.to, name)),
            Self::Field(path) => changed(model, step).any(|changed| contains(&changed, path)),
            Self::Pattern(regex) => regex.is_match(&model.headline(step, SENTENCE_MAX)),
        }
    }
}

/// The paths that a step changed.
fn changed(model: &Model, step: usize) -> impl Iterator<Item = String> {
    let changes = model
        .acting(step)
        .map_or_else(Vec::new, |node| diff::changes(model, node, step - 1, step, CHANGES_MAX));
    changes.into_iter().map(|change| field::shown(&change.field.path).to_owned())
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
