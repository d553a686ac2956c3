//! What a command said against what the guide shows.

/// The first difference, or none.
pub(super) fn difference(wanted: &[String], said: &str) -> Option<String> {
    if wanted.is_empty() {
        return None;
    }
    let said: Vec<&str> = said.lines().map(str::trim_end).collect();
    let mut next = 0;
    let mut any = false;
    for line in wanted {
        if line.trim() == "..." {
            any = true;
            continue;
        }
        let found = (next..said.len()).find(|i| matches(line.trim_end(), said[*i]));
        match found {
            Some(at) if any || at == next => next = at + 1,
            _ => return Some(format!("wanted the line `{line}`")),
        }
        any = false;
    }
    let rest = said.get(next).filter(|_| !any)?;
    Some(format!("did not expect the line `{rest}`"))
}

/// `[..]` stands for any text.
fn matches(wanted: &str, said: &str) -> bool {
    let mut parts = wanted.split("[..]");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = said.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differs(wanted: &[&str], said: &str) -> bool {
        difference(&wanted.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>(), said).is_some()
    }

    #[test]
    fn a_wildcard_stands_for_any_text_in_its_line() {
        assert!(matches("ready 127.0.0.1:[..]", "ready 127.0.0.1:4242"));
        assert!(matches("[..] of [..] cases", "3 of 7 cases"));
        assert!(!matches("[..] of [..] cases", "3 of 7 alerts"));
        assert!(!matches("a[..]", "ba") && !matches("a", "ab") && !matches("ab[..]b", "ab"));
    }

    #[test]
    fn dots_stand_for_any_lines() {
        assert!(!differs(&["a", "...", "c"], "a\nb\nb\nc"));
        assert!(!differs(&["...", "c"], "c"));
        assert!(!differs(&["a", "..."], "a"));
        assert!(differs(&["a", "...", "c"], "a\nb"));
        assert!(differs(&["a", "c"], "a\nb\nc"));
        assert!(differs(&["a"], "a\nb"));
        assert!(!differs(&[], "a\nb"));
    }
}
