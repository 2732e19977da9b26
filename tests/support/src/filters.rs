//! Which tests are meant: any number of words, as with the built-in harness; `libtest-mimic` takes one.

use std::ffi::OsString;

use libtest_mimic::{Arguments, Trial};

/// Options whose value is the next word.
const WITH_VALUE: [&str; 6] = ["--test-threads", "--logfile", "--skip", "--color", "--format", "-Z"];

/// The words that are filters, taken out of a command line; the rest is for `libtest-mimic`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filters(Vec<String>);

impl Filters {
    /// Splits a command line. Its first word is the program.
    pub(crate) fn split(args: impl IntoIterator<Item = OsString>) -> (Self, Vec<OsString>) {
        let (mut filters, mut rest) = (Vec::new(), Vec::new());
        let mut args = args.into_iter();
        rest.extend(args.next());
        let mut is_value = false;
        for arg in args {
            let word = arg.to_string_lossy();
            if is_value || word.starts_with('-') {
                is_value = !is_value && WITH_VALUE.contains(&&*word);
                rest.push(arg);
            } else {
                filters.push(word.into_owned());
            }
        }
        (Self(filters), rest)
    }

    /// Whether a test is meant.
    pub(crate) fn choose(&self, test: &str, args: &Arguments) -> bool {
        let fits = |word: &String| if args.exact { test == word } else { test.contains(word.as_str()) };
        let named = self.0.is_empty() || self.0.iter().any(fits);
        named && !args.is_filtered_out(&Trial::test(test, || Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(line: &str) -> String {
        let (filters, rest) = Filters::split(format!("suite {line}").split_whitespace().map(OsString::from));
        let args = Arguments::from_iter(rest);
        let tests = ["t01_unit_a", "t02_run_b", "t12_search_c"];
        tests.into_iter().filter(|test| filters.choose(test, &args)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_word_is_a_filter() {
        assert_eq!(chosen(""), "t01_unit_a t02_run_b t12_search_c");
        assert_eq!(chosen("t01 t12"), "t01_unit_a t12_search_c");
        assert_eq!(chosen("--exact t01 t02_run_b"), "t02_run_b");
        assert_eq!(chosen("_ --skip run --test-threads 2 --color=never"), "t01_unit_a t12_search_c");
        assert_eq!(chosen("nothing"), "");
    }
}
