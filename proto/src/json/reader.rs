//! RFC 8259 with positions.

use super::Problem;

/// Objects and lists within each other, at most.
const DEPTH: usize = 8;
/// Fields of one object, or items of one list, at most.
const ITEMS: usize = 1024;

/// A place in a file, both counted from 1; columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where.
    pub at: At,
    /// What.
    pub value: Value,
}

/// A JSON value; numbers stay as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object, in the order of the file.
    Object(Vec<(String, At, Node)>),
}

impl Value {
    /// What it is, for an error.
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) => format!("the number {text}"),
            Self::Text(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
            Self::List(_) => "a list".into(),
            Self::Object(_) => "an object".into(),
        }
    }
}

/// Reads one document of at most `most` bytes.
pub fn read(text: &str, most: usize) -> Result<Node, Problem> {
    let start = At { line: 1, column: 1 };
    // Some editors begin a file with a byte order mark.
    let mut reader = Reader { text: text.trim_start_matches('\u{feff}'), place: 0, known: (0, start) };
    if text.len() > most {
        return Err(reader.wrong(&format!("at most {most} bytes"), &format!("{} bytes", text.len())));
    }
    let node = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.wrong("the end of the file", "more text")),
    }
}

struct Reader<'a> {
    text: &'a str,
    place: usize,
    /// The last place that was looked up, so that each byte is counted once.
    known: (usize, At),
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.place..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn at(&mut self) -> At {
        let (from, known) = if self.known.0 <= self.place { self.known } else { (0, At { line: 1, column: 1 }) };
        let between = self.text.get(from..self.place).unwrap_or_default();
        let lines = between.matches('\n').count();
        let last = between.rsplit('\n').next().map_or(0, |last| last.chars().count());
        let column = if lines == 0 { known.column + last } else { last + 1 };
        self.known = (self.place, At { line: known.line + lines, column });
        self.known.1
    }

    fn wrong(&mut self, wanted: &str, got: &str) -> Problem {
        Problem {
            at: Some(self.at()),
            field: String::new(),
            wanted: wanted.to_owned(),
            got: got.to_owned(),
            next: "correct the file; a template shows the form (`varde alert draft --template --kind KIND`)".into(),
        }
    }

    fn unexpected(&mut self, wanted: &str) -> Problem {
        let got = self.peek().map_or("the end of the file".into(), |c| format!("{c:?}"));
        self.wrong(wanted, &got)
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.place += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn take(&mut self, c: char) -> bool {
        let is = self.peek() == Some(c);
        if is {
            self.place += c.len_utf8();
        }
        is
    }

    fn value(&mut self, depth: usize) -> Result<Node, Problem> {
        self.space();
        if depth > DEPTH {
            return Err(self.wrong("a flatter file", "objects and lists too deep in each other"));
        }
        let at = self.at();
        let value = match self.peek() {
            Some('{') => self.object(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Value::Text(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Node { at, value })
    }

    fn word(&mut self) -> Result<Value, Problem> {
        let words = [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))];
        for (word, value) in words {
            if self.rest().starts_with(word) {
                self.place += word.len();
                return Ok(value);
            }
        }
        Err(self.unexpected("a value"))
    }

    fn number(&mut self) -> Result<Value, Problem> {
        let rest = self.rest();
        let length = rest.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(rest.len());
        let text = rest[..length].to_owned();
        if serde_json::from_str::<serde_json::Number>(&text).is_err() {
            return Err(self.wrong("a number", &text));
        }
        self.place += length;
        Ok(Value::Number(text))
    }

    fn string(&mut self) -> Result<String, Problem> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, c)| {
            let closes = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            closes
        });
        let Some((last, _)) = end else { return Err(self.wrong("a closing quotation mark", "the end of the file")) };
        let Ok(text) = serde_json::from_str(&rest[..=last]) else {
            return Err(self.wrong("a text without control characters, escaped as JSON says", "another one"));
        };
        self.place += last + 1;
        Ok(text)
    }

    fn few(&mut self, items: usize) -> Result<(), Problem> {
        if items > ITEMS { Err(self.wrong(&format!("at most {ITEMS} items"), "more")) } else { Ok(()) }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Problem> {
        self.take('[');
        let mut items = Vec::new();
        self.space();
        if self.take(']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            self.few(items.len())?;
            if self.take(']') {
                return Ok(Value::List(items));
            }
            if !self.take(',') {
                return Err(self.unexpected("`,` or `]`"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Problem> {
        self.take('{');
        let mut fields: Vec<(String, At, Node)> = Vec::new();
        self.space();
        if self.take('}') {
            return Ok(Value::Object(fields));
        }
        loop {
            self.space();
            let at = self.at();
            if self.peek() != Some('"') {
                return Err(self.unexpected("the name of a field in quotation marks"));
            }
            let (before, name) = (self.place, self.string()?);
            if fields.iter().any(|(other, ..)| *other == name) {
                self.place = before;
                return Err(self.wrong("every field once", &format!("a second {name:?}")));
            }
            self.space();
            if !self.take(':') {
                return Err(self.unexpected("`:`"));
            }
            fields.push((name, at, self.value(depth + 1)?));
            self.space();
            self.few(fields.len())?;
            if self.take('}') {
                return Ok(Value::Object(fields));
            }
            if !self.take(',') {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn plain(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            Value::Number(n) => serde_json::from_str(n).unwrap(),
            Value::Text(t) => t.as_str().into(),
            Value::List(items) => items.iter().map(plain).collect(),
            Value::Object(fields) => fields.iter().map(|(name, _, node)| (name.clone(), plain(node))).collect(),
        }
    }

    #[test]
    fn reads_what_json_is() {
        let text = " {\"a\": [1, -2.5e3, true, null, \"\\u00e9\\\"\\\\\"], \"b\": {}, \"c\": []}\n";
        assert_eq!(plain(&read(text, 1000).unwrap()), serde_json::from_str::<serde_json::Value>(text).unwrap());
    }

    #[test]
    fn refuses_what_json_is_not_and_says_where() {
        for (text, line, column) in [
            ("{\n  \"a\": 1,\n  \"a\": 2}", 3, 3),
            ("{\"a\" 1}", 1, 6),
            ("{\"a\": 01}", 1, 7),
            ("{\"a\": \"b}", 1, 7),
            ("{'a': 1}", 1, 2),
            ("[1, 2,]", 1, 7),
            ("[1] 2", 1, 5),
            ("", 1, 1),
            ("[\"é\", x]", 1, 7),
            ("[[[[[[[[[[1]]]]]]]]]]", 1, 10),
        ] {
            let problem = read(text, 1000).unwrap_err();
            assert_eq!(problem.at, Some(At { line, column }), "{text}: {problem}");
        }
        assert!(read("[1, 2]", 3).is_err());
        assert!(read(&format!("[{}1]", "1,".repeat(1024)), 4000).is_err());
        assert!(read("\u{feff}[1]", 1000).is_ok());
    }
}
