//! Taking fields out of an object by name; what is left over is a problem too.

use super::{At, Node, Problem, Value, nearest};
use crate::time::Timestamp;
use crate::vocabulary::{Country, Nuts1, Vocabulary};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Collects every problem of one file.
#[derive(Debug, Default)]
pub struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    /// Adds one.
    pub fn add(&self, problem: Problem) {
        self.0.borrow_mut().push(problem);
    }

    /// Whether there is none so far.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// All, in the order of the file; those without a place last.
    pub fn into_sorted(self) -> Vec<Problem> {
        let mut list = self.0.into_inner();
        list.sort_by_key(|p| (p.at.is_none(), p.at));
        list
    }
}

/// The fields of one object that were not taken yet.
#[derive(Debug)]
pub struct Fields<'a> {
    path: String,
    at: At,
    left: Vec<(String, At, Node)>,
    names: Vec<&'static str>,
    present: Vec<&'static str>,
    problems: &'a Problems,
}

impl<'a> Fields<'a> {
    /// The fields of the object `node`; anything else is a problem and has no fields.
    pub fn of(node: Node, path: &str, problems: &'a Problems) -> Self {
        let at = node.at;
        let left = match node.value {
            Value::Object(fields) => fields,
            other => {
                problems.add(problem(path, at, "an object, { ... }", &other.describe()));
                Vec::new()
            }
        };
        Self { path: path.to_owned(), at, left, names: Vec::new(), present: Vec::new(), problems }
    }

    /// Path of a field.
    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A field as it is.
    pub fn take(&mut self, name: &'static str) -> Option<Node> {
        self.names.push(name);
        let place = self.left.iter().position(|(own, ..)| own == name)?;
        self.present.push(name);
        Some(self.left.remove(place).2)
    }

    /// An object.
    pub fn object(&mut self, name: &'static str) -> Option<Fields<'a>> {
        let path = self.path(name);
        self.take(name).map(|node| Fields::of(node, &path, self.problems))
    }

    /// A list, each item with its path.
    pub fn list(&mut self, name: &'static str) -> Option<Vec<(String, Node)>> {
        let path = self.path(name);
        let node = self.take(name)?;
        match node.value {
            Value::List(items) => {
                Some(items.into_iter().enumerate().map(|(n, item)| (format!("{path}[{n}]"), item)).collect())
            }
            other => {
                self.problems.add(problem(&path, node.at, "a list, [ ... ]", &other.describe()));
                Some(Vec::new())
            }
        }
    }

    /// A list of objects, each to be finished by whoever reads it.
    pub fn objects(&mut self, name: &'static str) -> Option<Vec<Fields<'a>>> {
        let items = self.list(name)?;
        Some(items.into_iter().map(|(path, node)| Fields::of(node, &path, self.problems)).collect())
    }

    /// A set of countries.
    pub fn countries(&mut self, name: &'static str) -> Option<BTreeSet<Country>> {
        let mut countries = BTreeSet::new();
        for (path, node) in self.list(name)? {
            let text = if let Value::Text(text) = &node.value { text.as_str() } else { "" };
            match Country::parse(text) {
                Ok(country) if countries.insert(country) => {}
                Ok(_) => self.problems.add(problem(&path, node.at, "every country once", &format!("{text} again"))),
                Err(_) => self.problems.add(problem(&path, node.at, COUNTRY, &node.value.describe())),
            }
        }
        Some(countries)
    }

    /// A code by its name.
    pub fn code<V: Vocabulary>(&mut self, name: &'static str) -> Option<V> {
        let path = self.path(name);
        self.take(name).and_then(|node| code(&path, &node, self.problems))
    }

    /// A set of codes.
    pub fn codes<V: Vocabulary>(&mut self, name: &'static str) -> Option<BTreeSet<V>> {
        let items = self.list(name)?;
        let mut codes = BTreeSet::new();
        for (path, node) in items {
            let Some(one) = code::<V>(&path, &node, self.problems) else { continue };
            if !codes.insert(one) {
                self.problems.add(problem(&path, node.at, "every code once", &format!("{one} again")));
            }
        }
        Some(codes)
    }

    /// A country by its alpha-2 code.
    pub fn country(&mut self, name: &'static str) -> Option<Country> {
        self.parsed(name, COUNTRY, |text| Country::parse(text).ok())
    }

    /// A NUTS-1 region.
    pub fn nuts1(&mut self, name: &'static str) -> Option<Nuts1> {
        self.parsed(name, "a NUTS-1 region such as EL3", |text| Nuts1::parse(text).ok())
    }

    /// A time.
    pub fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        self.parsed(name, "RFC 3339 in UTC, for example 2026-11-21T18:00:00Z", |text| Timestamp::parse(text).ok())
    }

    /// A text that `read` understands.
    pub fn parsed<T>(&mut self, name: &'static str, wanted: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let path = self.path(name);
        let node = self.take(name)?;
        let value = match &node.value {
            Value::Text(text) => read(text),
            _ => None,
        };
        if value.is_none() {
            self.problems.add(problem(&path, node.at, wanted, &node.value.describe()));
        }
        value
    }

    /// A value that has to be there: reports it unless the field stood there and was reported as wrong.
    pub fn need<T>(&self, name: &str, wanted: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.present.contains(&name) {
            self.report(name, Some(self.at), wanted, "nothing", "add it");
        }
        value
    }

    /// Reports a problem with a field.
    pub fn report(&self, name: &str, at: Option<At>, wanted: &str, got: &str, next: &str) {
        self.problems
            .add(Problem { next: next.to_owned(), ..problem(&self.path(name), at.unwrap_or(self.at), wanted, got) });
    }

    /// Reports what nobody took: a field that this file cannot have.
    pub fn finish(self) {
        for (name, at, _) in &self.left {
            let near = nearest(name, self.names.iter().copied());
            self.problems.add(Problem {
                at: Some(*at),
                field: self.path(name),
                wanted: "no such field".into(),
                got: String::new(),
                next: near.map_or("take it out".into(), |near| format!("did you mean {near:?}? else take it out")),
            });
        }
    }
}

/// What a country must be.
const COUNTRY: &str = "an ISO 3166-1 alpha-2 code such as NO (GR, not EL; GB, not UK), OTHER or UNKNOWN";

fn problem(path: &str, at: At, wanted: &str, got: &str) -> Problem {
    Problem {
        at: Some(at),
        field: path.to_owned(),
        wanted: wanted.to_owned(),
        got: got.to_owned(),
        next: "correct it".into(),
    }
}

fn code<V: Vocabulary>(path: &str, node: &Node, problems: &Problems) -> Option<V> {
    let names = || V::all().filter_map(V::name);
    let text = match &node.value {
        Value::Text(text) => text.as_str(),
        _ => "",
    };
    let code = V::parse(text).ok();
    if code.is_none() {
        let count = V::all().count();
        let list = if count <= 12 { names().collect::<Vec<_>>().join(", ") } else { format!("one of {count} codes") };
        let next = match nearest(text, names()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => "choose one of the list".into(),
        };
        let wanted = format!("a code of the list {} ({list})", V::LIST);
        problems.add(Problem { next, ..problem(path, node.at, &wanted, &node.value.describe()) });
    }
    code
}
