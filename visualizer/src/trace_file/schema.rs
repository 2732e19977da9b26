//! The JSON Schema of trace files, for those who read or write them without this program.

use schemars::Schema;

use super::TraceFile;

impl TraceFile {
    /// The JSON Schema of the present version.
    pub fn schema() -> Schema {
        schemars::schema_for!(TraceFile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schema is part of the format: who changes it sees that here.
    #[test]
    fn the_schema_is_stable() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&TraceFile::schema()).unwrap());
    }
}
