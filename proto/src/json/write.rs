//! JSON that we write for people: fields in the order given, two spaces a level, short lists on one line.

use std::fmt;

/// A value to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out {
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
    /// A list.
    List(Vec<Self>),
    /// An object, in this order.
    Object(Vec<(&'static str, Self)>),
}

impl Out {
    /// A text.
    pub fn text(value: impl fmt::Display) -> Self {
        Self::Text(value.to_string())
    }

    /// A list of texts.
    pub fn texts<T: fmt::Display>(values: impl IntoIterator<Item = T>) -> Self {
        Self::List(values.into_iter().map(Self::text).collect())
    }

    fn is_simple(&self) -> bool {
        match self {
            Self::Text(_) | Self::Number(_) => true,
            Self::List(items) => items.is_empty(),
            Self::Object(fields) => fields.len() <= 3 && fields.iter().all(|(_, v)| v.is_simple()),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&serde_json::Value::from(text.as_str()).to_string()),
            Self::Number(number) => write!(f, "{number}"),
            Self::List(items) => {
                let one_line = items.iter().all(|i| matches!(i, Self::Text(_) | Self::Number(_)));
                write_all(f, ('[', ']'), indent, one_line, items.iter().map(|item| (None, item)))
            }
            Self::Object(fields) => {
                let one_line = self.is_simple() && indent > 0;
                write_all(f, ('{', '}'), indent, one_line, fields.iter().map(|(name, value)| (Some(*name), value)))
            }
        }
    }
}

fn write_all<'a>(
    f: &mut fmt::Formatter<'_>,
    (open, close): (char, char),
    indent: usize,
    one_line: bool,
    items: impl Iterator<Item = (Option<&'static str>, &'a Out)>,
) -> fmt::Result {
    write!(f, "{open}")?;
    let mut some = false;
    for (name, item) in items {
        f.write_str(if some { "," } else { "" })?;
        match one_line {
            true if some => f.write_str(" ")?,
            true => {}
            false => write!(f, "\n{:1$}", "", indent + 2)?,
        }
        some = true;
        if let Some(name) = name {
            write!(f, "\"{name}\": ")?;
        }
        item.write(f, indent + 2)?;
    }
    if some && !one_line {
        write!(f, "\n{:1$}", "", indent)?;
    }
    write!(f, "{close}")
}

impl fmt::Display for Out {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_json_in_the_order_given() {
        let out = Out::Object(vec![
            ("b", Out::texts(["x", "y\"\n"])),
            ("a", Out::Number(3)),
            ("o", Out::Object(vec![("p", Out::List(Vec::new()))])),
            ("l", Out::List(vec![Out::Object(vec![("q", Out::text("r"))])])),
            ("e", Out::Object(Vec::new())),
        ]);
        let text = out.to_string();
        assert_eq!(
            text,
            "{\n  \"b\": [\"x\", \"y\\\"\\n\"],\n  \"a\": 3,\n  \"o\": {\"p\": []},\n  \"l\": [\n    {\"q\": \"r\"}\n  ],\n  \"e\": {}\n}"
        );
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
    }
}
