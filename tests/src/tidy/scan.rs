//! Reads Rust text well enough for the rules: what is code and what is comment or string, where functions begin and end,
//! which paths are named. It understands nested comments, raw strings, and characters beside lifetimes; it is no parser.

use std::ops::RangeInclusive;

/// A file's code with comments and the insides of strings blanked, line by line as it was.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    code: Vec<char>,
    /// Places of newlines, ascending.
    ends: Vec<usize>,
    /// Every word and its place.
    words: Vec<(usize, String)>,
    /// Lines (from 1) of items under `#[cfg(test)]`.
    tests: Vec<RangeInclusive<usize>>,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) lines: RangeInclusive<usize>,
}

/// A path such as `crate::flow::Ledger`, or one of a `use` list, written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) line: usize,
    pub(super) path: Vec<String>,
}

impl Scanned {
    pub(super) fn new(text: &str) -> Self {
        let code = blank(text);
        let ends = (0..code.len()).filter(|i| code[*i] == '\n').collect();
        let words = words(&code);
        let mut scanned = Self { code, ends, words, tests: Vec::new() };
        scanned.tests = scanned.find_tests();
        scanned
    }

    /// Whether a line lies in an item under `#[cfg(test)]`.
    pub(super) fn is_test(&self, line: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&line))
    }

    /// The code's lines, from 1.
    pub(super) fn lines(&self) -> Vec<(usize, String)> {
        let text: String = self.code.iter().collect();
        text.lines().enumerate().map(|(i, l)| (i + 1, l.to_owned())).collect()
    }

    /// Every function that has a body.
    pub(super) fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for &(at, ref word) in &self.words {
            if word != "fn" {
                continue;
            }
            let name: String =
                self.code[at + 2..].iter().skip_while(|c| c.is_whitespace()).take_while(|c| is_word(**c)).collect();
            if name.is_empty() {
                continue; // a function pointer's type
            }
            if let Some(end) = self.body_of(at) {
                found.push(Function { name, lines: self.line(at)..=self.line(end) });
            }
        }
        found
    }

    /// The name of every function, with a body or without.
    pub(super) fn function_names(&self) -> Vec<String> {
        self.words.windows(2).filter(|pair| pair[0].1 == "fn").map(|pair| pair[1].1.clone()).collect()
    }

    /// Every path of two or more parts, and every path that a `use` names.
    pub(super) fn paths(&self) -> Vec<Named> {
        let mut found = Vec::new();
        let mut skip_to = 0;
        for &(at, ref word) in &self.words {
            if at < skip_to {
                continue;
            }
            if word == "use" {
                skip_to = (at..self.code.len()).find(|i| self.code[*i] == ';').unwrap_or(self.code.len());
                let mut tokens = self.tokens(at + 3, skip_to).into_iter().peekable();
                tree(&mut tokens, &[], &mut found);
            } else {
                let (path, end) = self.plain_path(at);
                skip_to = end;
                found.push(Named { line: self.line(at), path });
            }
        }
        found
    }

    fn plain_path(&self, at: usize) -> (Vec<String>, usize) {
        let (mut path, mut i) = (Vec::new(), at);
        loop {
            let word: String = self.code[i..].iter().take_while(|c| is_word(**c)).collect();
            if word.is_empty() {
                return (path, i);
            }
            i += word.chars().count();
            path.push(word);
            if self.code.get(i) != Some(&':') || self.code.get(i + 1) != Some(&':') {
                return (path, i);
            }
            i += 2;
        }
    }

    fn tokens(&self, from: usize, to: usize) -> Vec<(usize, String)> {
        let mut tokens = Vec::new();
        let mut i = from;
        while i < to {
            let word: String = self.code[i..to].iter().take_while(|c| is_word(**c)).collect();
            let length = word.chars().count().max(1);
            if !word.is_empty() {
                tokens.push((self.line(i), word));
            } else if matches!(self.code[i], '{' | '}' | ',' | '*') {
                tokens.push((self.line(i), self.code[i].to_string()));
            }
            i += length;
        }
        tokens
    }

    /// The end of the block that belongs to what begins at `at`, or none when it ends with a semicolon.
    fn body_of(&self, at: usize) -> Option<usize> {
        let (mut round, mut curly) = (0i32, 0i32);
        for (i, c) in self.code.iter().enumerate().skip(at) {
            match c {
                '(' | '[' => round += 1,
                ')' | ']' => round -= 1,
                ';' if round == 0 && curly == 0 => return None,
                '{' => curly += 1,
                '}' => {
                    curly -= 1;
                    if curly == 0 && round == 0 {
                        return Some(i);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn find_tests(&self) -> Vec<RangeInclusive<usize>> {
        let mark: Vec<char> = "#[cfg(test)]".chars().collect();
        let starts = (0..self.code.len()).filter(|i| self.code[*i..].starts_with(&mark));
        starts
            .filter_map(|i| {
                // Attributes between the mark and the item hold brackets of their own, which `body_of` balances.
                let end = self.body_of(i + mark.len())?;
                Some(self.line(i)..=self.line(end))
            })
            .collect()
    }

    fn line(&self, at: usize) -> usize {
        1 + self.ends.partition_point(|end| *end < at)
    }
}

fn words(code: &[char]) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    let mut i = 0;
    while i < code.len() {
        let word: String = code[i..].iter().take_while(|c| is_word(**c)).collect();
        let length = word.chars().count();
        if length > 0 {
            words.push((i, word));
        }
        i += length.max(1);
    }
    words
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Writes out a `use` tree: `a::{b, c::*}` is `a::b` and `a::c::*`.
fn tree(
    tokens: &mut std::iter::Peekable<std::vec::IntoIter<(usize, String)>>,
    prefix: &[String],
    out: &mut Vec<Named>,
) {
    let mut path = prefix.to_vec();
    while let Some((line, token)) = tokens.next() {
        match token.as_str() {
            "{" => tree(tokens, &path, out),
            "}" => return,
            "," => path = prefix.to_vec(),
            "as" => {
                tokens.next();
            }
            _ => {
                path.push(token);
                if tokens.peek().is_none_or(|(_, next)| matches!(next.as_str(), "," | "}" | "as")) {
                    out.push(Named { line, path: path.clone() });
                }
            }
        }
    }
}

/// Blanks comments and the insides of strings and characters; newlines stay.
fn blank(text: &str) -> Vec<char> {
    let mut code: Vec<char> = text.chars().collect();
    let mut i = 0;
    while i < code.len() {
        let end = skip_at(&code, i);
        if end == i {
            i += 1;
            continue;
        }
        for c in &mut code[i..end] {
            if *c != '\n' {
                *c = ' ';
            }
        }
        i = end;
    }
    code
}

/// Where the comment, string or character that begins at `i` ends; `i` when none begins there.
fn skip_at(code: &[char], i: usize) -> usize {
    let at = |n: usize| code.get(i + n).copied().unwrap_or(' ');
    let starts_word = i == 0 || !is_word(code[i - 1]);
    match at(0) {
        '/' if at(1) == '/' => find(code, i, |j| code[j] == '\n'),
        '/' if at(1) == '*' => comment_end(code, i),
        '"' => string_end(code, i),
        'r' | 'b' | 'c' if starts_word => raw_end(code, i).unwrap_or(i),
        '\'' if at(1) == '\\' => (find(code, i + 3, |j| code[j] == '\'') + 1).min(code.len()),
        '\'' if at(2) == '\'' => i + 3,
        _ => i,
    }
}

fn find(code: &[char], from: usize, wanted: impl Fn(usize) -> bool) -> usize {
    (from..code.len()).find(|j| wanted(*j)).unwrap_or(code.len())
}

fn comment_end(code: &[char], start: usize) -> usize {
    let (mut depth, mut i) = (0, start);
    while i + 1 < code.len() {
        match (code[i], code[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    code.len()
}

fn string_end(code: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < code.len() {
        match code[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    code.len()
}

/// `r"..."`, `r#"..."#`, `br"..."`; a raw identifier such as `r#type` is none.
fn raw_end(code: &[char], start: usize) -> Option<usize> {
    let mut i = start;
    if matches!(code[i], 'b' | 'c') {
        i += 1;
    }
    if code.get(i) != Some(&'r') {
        return None;
    }
    let hashes = code[i + 1..].iter().take_while(|c| **c == '#').count();
    i += 1 + hashes;
    if code.get(i) != Some(&'"') {
        return None;
    }
    let closes =
        |j: usize| code[j] == '"' && code[j + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    Some((find(code, i + 1, closes) + 1 + hashes).min(code.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        blank(text).into_iter().collect()
    }

    #[test]
    fn comments_and_strings_are_blanked_and_lifetimes_are_not() {
        assert_eq!(code("a // {\nb"), "a     \nb");
        assert_eq!(code("a/*{/*}*/{*/b"), "a           b");
        assert_eq!(code(r##"f("}\"{", r#"{"#, '{', '\'', b'}', br"{")"##).matches(['{', '}']).count(), 0);
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
        assert_eq!(code("r#type { }"), "r#type { }");
    }

    #[test]
    fn a_function_ends_at_its_own_brace() {
        let text = "trait T { fn none(&self) -> [u8; 2]; }\nfn one(f: fn(u8)) -> [u8; 2]\n{\n  if x { '{' } else { \"}\" }\n}\nfn two() {}\n";
        let functions = Scanned::new(text).functions();
        let named: Vec<_> = functions.iter().map(|f| (f.name.as_str(), f.lines.clone())).collect();
        assert_eq!(named, [("one", 2..=5), ("two", 6..=6)]);
    }

    #[test]
    fn a_use_list_is_written_out() {
        let scanned =
            Scanned::new("use crate::{\n  flow::{Ledger as L, desk::*},\n  state,\n};\nfn f() { tokio::spawn(x) }");
        let paths: Vec<String> = scanned.paths().iter().map(|p| format!("{}:{}", p.line, p.path.join("::"))).collect();
        for wanted in ["2:crate::flow::Ledger", "2:crate::flow::desk::*", "3:crate::state", "5:tokio::spawn"] {
            assert!(paths.iter().any(|p| p == wanted), "{wanted} is not in {paths:?}");
        }
    }

    #[test]
    fn test_modules_are_known() {
        let scanned = Scanned::new("fn a() {}\n#[cfg(test)]\n#[allow(x, reason = \"y\")]\nmod tests {\n}\nfn b() {}\n");
        assert_eq!([1, 2, 4, 5, 6].map(|l| scanned.is_test(l)), [false, true, true, true, false]);
    }
}
