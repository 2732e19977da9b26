//! Writes command lines that can be copied into a shell.

/// A command with its arguments, quoted where a shell needs it.
pub(crate) fn line(command: &str, args: &[String]) -> String {
    let mut line = command.to_owned();
    for arg in args {
        line.push(' ');
        line.push_str(&quoted(arg));
    }
    line
}

/// One argument.
pub(crate) fn quoted(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=:,./%@+".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        arg.to_owned()
    } else {
        format!("'{}'", arg.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_what_a_shell_would_read_differently() {
        let words = ["--link", "a:b=off", "a|b", "", "it's"].map(quoted);
        assert_eq!(words, ["--link", "a:b=off", "'a|b'", "''", r"'it'\''s'"]);
        assert_eq!(line("cargo lab", &["x y".to_owned()]), "cargo lab 'x y'");
    }
}
