//! Gradescope's `results.json` of one submission.

use anyhow::Result;
use serde_json::{Value, json};

use crate::grade::log::{Graded, Header};
use crate::results::Record;

/// The file.
pub(crate) fn results(graded: &Graded, header: &Header) -> Result<String> {
    let mut tests = Vec::new();
    for suite in &graded.suites {
        for record in &suite.tests {
            let number = record.rest.get("number").map(Value::to_string);
            tests.push(json!({
                "name": format!("{} {}", suite.suite, record.test),
                "number": number.unwrap_or_default(),
                "score": record.earned,
                "max_score": record.points,
                "status": if record.passes() { "passed" } else { "failed" },
                "output": output(record),
                "output_format": "text",
                "visibility": "visible",
                "extra_data": { "verdict": record.verdict, "cause": record.cause, "detector": record.detector },
            }));
        }
    }
    let problems: Vec<&str> = graded
        .refused
        .as_deref()
        .into_iter()
        .chain(graded.suites.iter().filter_map(|suite| suite.problem.as_deref()))
        .collect();
    let file = json!({
        "output": format!("Graded with handout {} ({}).\n{}", header.version, short(&header.hash), problems.join("\n")),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": { "handout": header.version, "hash": header.hash, "submission": graded.hash },
    });
    Ok(serde_json::to_string_pretty(&file)? + "\n")
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// What the student reads: the harness's block, else a line.
fn output(record: &Record) -> String {
    if let Some(lines) = record.rest.get("block").and_then(Value::as_array) {
        return lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n");
    }
    let words = [record.cause.as_deref(), record.detector.as_deref(), record.text("message")];
    words.into_iter().flatten().collect::<Vec<_>>().join(": ")
}
