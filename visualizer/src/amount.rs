//! Parses the amounts of the command line, durations such as `30s` and sizes such as `4G`, and prints numbers back.

use std::time::Duration;

/// More than any machine has.
const THREADS_MAX: usize = 1024;

/// A duration: a number with `ms`, `s`, `m` or `h` behind it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let error = || {
        format!(
            "`{text}` is not a duration: expected a number and a unit, such as `500ms`, `30s`, `2m` or `1h`"
        )
    };
    let (number, unit) = split(text);
    let unit_ms = match unit {
        "ms" => 1.0,
        "s" => 1e3,
        "m" | "min" => 60e3,
        "h" => 3600e3,
        _ => return Err(error()),
    };
    let number: f64 = number.parse().map_err(|_| error())?;
    let duration = Duration::try_from_secs_f64(number * unit_ms / 1e3).map_err(|_| error())?;
    if duration.is_zero() {
        Err(format!("`{text}` is no time at all; give at least `1ms`"))
    } else {
        Ok(duration)
    }
}

/// A size in bytes: a number with `K`, `M`, `G` or `T` behind it, which are powers of 1024.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let error =
        || format!("`{text}` is not a size: expected a number and a unit, such as `512M`, `4G` or `1.5G`");
    let (number, unit) = split(text);
    let letter = unit.strip_suffix("iB").or_else(|| unit.strip_suffix('B')).unwrap_or(unit);
    let shift = match letter.to_ascii_uppercase().as_str() {
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err(error()),
    };
    let number: f64 = number.parse().map_err(|_| error())?;
    let bytes =
        Duration::try_from_secs_f64(number).map_err(|_| error())?.as_nanos() * (1 << shift) / 1_000_000_000;
    match u64::try_from(bytes) {
        Ok(0) | Err(_) => Err(error()),
        Ok(bytes) => Ok(bytes),
    }
}

/// A number of at least one; underscores may separate digits.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    match digits.parse() {
        Ok(0) | Err(_) => Err(format!("`{text}` is not a number of 1 or more")),
        Ok(number) => Ok(number),
    }
}

/// A number of threads.
pub(crate) fn threads(text: &str) -> Result<usize, String> {
    match count(text).map(usize::try_from)? {
        Ok(threads) if threads <= THREADS_MAX => Ok(threads),
        _ => Err(format!("`{text}` threads are too many; give {THREADS_MAX} at the most")),
    }
}

fn split(text: &str) -> (&str, &str) {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    (number, unit.trim())
}

/// A whole number with commas: `16,777,216`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate or another number of which the size matters: `812`, `180k`, `1.8M`.
pub(crate) fn rough(number: f64) -> String {
    match number {
        ..10e3 => format!("{number:.0}"),
        ..1e6 => format!("{:.0}k", number / 1e3),
        ..100e6 => format!("{:.1}M", number / 1e6),
        _ => format!("{:.0}M", number / 1e6),
    }
}

/// A number with its noun: `1 state`, `81 states`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A time for people: `0.01 s`, `75 s`, `3 min 5 s`.
pub(crate) fn seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0..10 => format!("{:.2} s", elapsed.as_secs_f64()),
        10..120 => format!("{:.0} s", elapsed.as_secs_f64()),
        whole => format!("{} min {} s", whole / 60, whole % 60),
    }
}

/// A size for people: `3 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => counted(bytes, "byte"),
        10_000..10_000_000 => format!("{} kB", grouped(bytes / 1_000)),
        10_000_000..10_000_000_000 => format!("{} MB", grouped(bytes / 1_000_000)),
        _ => format!("{} GB", grouped(bytes / 1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("1.5h"), Ok(Duration::from_secs(5400)));
        for text in ["", "30", "s", "-1s", "1.2.3s", "3 weeks", "99999999999999999999999h"] {
            let error = duration(text).unwrap_err();
            assert!(error.starts_with(&format!("`{text}` is not a duration: expected")), "{error}");
        }
        insta::assert_snapshot!(duration("0s").unwrap_err(), @"`0s` is no time at all; give at least `1ms`");
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(size("1K"), Ok(1024));
        assert_eq!(size("512M"), Ok(512 << 20));
        assert_eq!(size("1.5g"), Ok(3 << 29));
        assert_eq!(size("4GiB"), Ok(4 << 30));
        for text in ["", "4", "G", "-1G", "4X", "0G", "99999999999T"] {
            assert!(size(text).unwrap_err().starts_with(&format!("`{text}` is not a size")), "{text}");
        }
    }

    #[test]
    fn counts_are_positive() {
        assert_eq!(count("1_000_000"), Ok(1_000_000));
        for text in ["", "0", "-1", "many", "1.5"] {
            assert_eq!(count(text), Err(format!("`{text}` is not a number of 1 or more")));
        }
    }

    #[test]
    fn threads_are_bounded() {
        assert_eq!(threads("8"), Ok(8));
        insta::assert_snapshot!(threads("5000").unwrap_err(), @"`5000` threads are too many; give 1024 at the most");
    }

    #[test]
    fn numbers_are_printed_for_people() {
        assert_eq!([0, 999, 1_000, 16_777_216].map(grouped), ["0", "999", "1,000", "16,777,216"]);
        assert_eq!([812.4, 180_000.0, 1_775_316.0, 2e8].map(rough), ["812", "180k", "1.8M", "200M"]);
        assert_eq!([1, 2].map(|n| counted(n, "state")), ["1 state", "2 states"]);
        let times = [7, 12_340, 185_000].map(|ms| seconds(Duration::from_millis(ms)));
        assert_eq!(times, ["0.01 s", "12 s", "3 min 5 s"]);
        assert_eq!([81, 44_000, 640_000_000].map(bytes), ["81 bytes", "44 kB", "640 MB"]);
    }
}
