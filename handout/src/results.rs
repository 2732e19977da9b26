//! Reads `results.jsonl`, what the grading harness writes: a line a test.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The file's name, in the folder that `TESTKIT_OUT` names.
pub(crate) const FILE: &str = "results.jsonl";

/// What came of one test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its name, as in `--list`.
    pub(crate) test: String,
    /// `pass`, `fail` or `inconclusive`.
    pub(crate) verdict: String,
    /// Why it did not pass: `violated`, `goal-not-found`, `panicked`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<String>,
    /// What found it: the name of an invariant, a goal, or a handler with its node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) detector: Option<String>,
    /// What the test is worth.
    pub(crate) points: f64,
    /// What it earned.
    pub(crate) earned: f64,
    /// What else the harness says of it: states, depth, seconds, the trace's file.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

impl Record {
    /// Whether it passed. Inconclusive is no pass.
    pub(crate) fn passes(&self) -> bool {
        self.verdict == "pass"
    }

    /// A number that the harness noted.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.rest.get(name)?.as_f64()
    }

    /// A text that the harness noted.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.rest.get(name)?.as_str()
    }
}

/// Reads the records of all tests.
///
/// # Errors
///
/// A line that is no record, a verdict that is none, a test with two records: somebody else wrote there.
pub(crate) fn read(path: &Path) -> Result<Vec<Record>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("there are no results in `{}`", path.display()))?;
    parse(&text).with_context(|| format!("`{}` is not what the harness writes", path.display()))
}

/// See [`read`].
pub(crate) fn parse(text: &str) -> Result<Vec<Record>> {
    let mut records: Vec<Record> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let value: Value = serde_json::from_str(line).with_context(|| format!("line {number} is no JSON"))?;
        if value.get("record").and_then(Value::as_str) != Some("test") {
            continue;
        }
        let mut record: Record =
            serde_json::from_value(value).with_context(|| format!("line {number} is no record of a test"))?;
        record.rest.remove("record");
        if !matches!(record.verdict.as_str(), "pass" | "fail" | "inconclusive") {
            bail!("line {number}: `{}` is no verdict", record.verdict);
        }
        let sane = record.points.is_finite() && record.earned >= 0.0 && record.earned <= record.points;
        if !sane || (record.passes() && record.earned < record.points) {
            bail!("line {number}: {} of {} points for `{}`", record.earned, record.points, record.verdict);
        }
        if records.iter().any(|other| other.test == record.test) {
            bail!("line {number}: a second record for `{}`", record.test);
        }
        records.push(record);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_harness_does_not_write_is_refused() {
        let pass = r#"{"record":"test","test":"t01","verdict":"pass","points":2.0,"earned":2.0,"states":81}"#;
        let records = parse(&format!("{{\"record\":\"run\"}}\n{pass}\n")).unwrap();
        assert_eq!((records.len(), records[0].number("states")), (1, Some(81.0)));
        let refusal = |text: &str| format!("{:#}", parse(text).unwrap_err());
        insta::assert_snapshot!(refusal(&format!("{pass}\n{pass}")), @"line 2: a second record for `t01`");
        insta::assert_snapshot!(refusal(&pass.replace(r#""earned":2.0"#, r#""earned":200"#)), @"line 1: 200 of 2 points for `pass`");
        insta::assert_snapshot!(refusal(&pass.replace("pass", "great")), @"line 1: `great` is no verdict");
        assert!(refusal("test result: ok").starts_with("line 1 is no JSON"));
    }
}
