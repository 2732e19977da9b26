//! `results.json` as Gradescope's autograder reads it (<https://gradescope-autograders.readthedocs.io>).

use serde_json::json;

use crate::record::{Header, Judgement, TestRecord};

/// The whole file.
pub(crate) fn text(header: &Header, records: &[TestRecord]) -> serde_json::Result<String> {
    let seconds: f64 = records.iter().map(|record| record.seconds).sum();
    let tests: Vec<serde_json::Value> = records.iter().map(test).collect();
    let missing = header.tests.saturating_sub(records.len());
    let mut output = header.title.clone();
    if missing > 0 {
        output.push_str(&format!("\n{missing} of {} tests have not run.", header.tests));
    }
    let whole = json!({
        "output": output,
        "output_format": "text",
        "execution_time": seconds.round(),
        "stdout_visibility": "hidden",
        "visibility": "visible",
        "tests": tests,
        "extra_data": { "part": header.part, "run": header.run, "handout": header.handout },
    });
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}

fn test(record: &TestRecord) -> serde_json::Value {
    // A test without points has no score: Gradescope then shows its status alone.
    let status = if record.verdict == Judgement::Pass { "passed" } else { "failed" };
    let mut test = json!({
        "name": record.test,
        "number": record.number.to_string(),
        "status": status,
        "output": output(record),
        "output_format": "text",
        "tags": [record.kind],
        "extra_data": {
            "verdict": record.verdict,
            "cause": record.cause,
            "detector": record.detector,
            "stage": record.stage,
            "states": record.states,
            "seed": record.seed,
            "trace": record.trace,
            "cluster": record.cluster,
        },
    });
    if record.points > 0 {
        test["score"] = json!(record.earned);
        test["max_score"] = json!(record.points);
    }
    test
}

fn output(record: &TestRecord) -> String {
    match record.verdict {
        Judgement::Pass => format!("{}.", record.claim.trim_end_matches('.')),
        _ => record.block.join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    #[test]
    fn has_what_gradescope_asks_for() {
        let records = [sample::passed(), sample::failed()];
        let json: serde_json::Value =
            serde_json::from_str(&text(&sample::header(), &records).unwrap()).unwrap();
        assert_eq!(
            (json["execution_time"].as_f64(), &json["stdout_visibility"]),
            (Some(2.0), &json!("hidden"))
        );
        assert_eq!(json["output"], "Part 2: election\n1 of 3 tests have not run.");
        let tests = json["tests"].as_array().unwrap();
        assert_eq!(tests.len(), 2);
        assert_eq!((&tests[0]["score"], &tests[0]["max_score"]), (&json!(10), &json!(10)));
        assert_eq!((&tests[1]["score"], &tests[1]["status"]), (&json!(5), &json!("failed")));
        assert!(tests[1]["output"].as_str().unwrap().ends_with("second, line"));
        assert_eq!(tests[1]["tags"], json!(["search"]));
    }

    #[test]
    fn a_test_without_points_has_no_score() {
        let record = TestRecord { points: 0, earned: 0, ..sample::passed() };
        let test = test(&record);
        assert!(test.get("score").is_none() && test.get("max_score").is_none());
    }
}
