//! The house rules as a test: sizes, floors, words, documents. In: reading source text and naming file and line. Out:
//! what the compiler, clippy and rustfmt already hold.
//!
//! The walls are types (the sealed `Payload`, private constructors, derives that are missing); this is the fence around
//! them. A rule is a function from a [`Source`] to breaches, so that a test can feed it a bad snippet.

mod documents;
mod floors;
mod scan;
mod size;
mod words;

use scan::Scanned;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::Path;

/// One place where a house rule does not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    /// File, from the repository's root.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong, and what is wanted.
    pub text: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.text)
    }
}

/// A text file of the repository.
#[derive(Debug)]
pub struct Source {
    path: String,
    text: String,
    scanned: Scanned,
}

impl Source {
    /// A file by its path from the repository's root, with `/` between the parts.
    pub fn new(path: &str, text: &str) -> Self {
        let scanned = if path.ends_with(".rs") { Scanned::new(text) } else { Scanned::default() };
        Self { path: path.to_owned(), text: text.to_owned(), scanned }
    }

    fn is(&self, suffix: &str) -> bool {
        self.path.ends_with(suffix)
    }

    fn under(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    fn breach(&self, line: usize, text: impl Into<String>) -> Breach {
        Breach { file: self.path.clone(), line, text: text.into() }
    }

    /// Lines numbered from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(i, l)| (i + 1, l))
    }
}

type Rule = fn(&Source) -> Vec<Breach>;

const RULES: [Rule; 7] = [
    size::files,
    size::functions,
    documents::module_docs,
    floors::imports,
    floors::guarded_names,
    floors::manifests_and_schemas,
    words::forbidden,
];

/// Every breach of every rule in one file; links are checked by [`check_tree`] alone, which can see whether they lead
/// somewhere.
pub fn check(source: &Source) -> Vec<Breach> {
    RULES.iter().flat_map(|rule| rule(source)).collect()
}

/// How many files were read in the repository at `root`, and every breach in them, by file and line.
pub fn check_tree(root: &Path) -> io::Result<(usize, Vec<Breach>)> {
    let mut breaches = Vec::new();
    let sources = read_tree(root)?;
    let read = sources.len();
    let functions: BTreeSet<String> = sources.iter().flat_map(|s| s.scanned.function_names()).collect();
    for source in &sources {
        breaches.extend(check(source));
        breaches.extend(documents::links(source, |target| root.join(target).exists()));
        breaches.extend(documents::named_tests(source, |name| functions.contains(name)));
    }
    let threats = sources.iter().filter(|s| s.path == documents::THREATS);
    breaches.extend(threats.flat_map(check_rows));
    let mut modules: BTreeSet<String> = sources.iter().flat_map(|s| documents::mapped_modules(&s.path)).collect();
    for krate in documents::MAPPED {
        modules.extend(folders(&root.join(krate))?.into_iter().map(|folder| format!("{krate}/{folder}")));
    }
    let map = sources.iter().find(|s| s.path == "docs/architecture.md");
    let map = map.ok_or_else(|| io::Error::other("there is no docs/architecture.md"))?;
    breaches.extend(check_map(map, &modules.into_iter().collect::<Vec<_>>()));
    breaches.sort();
    Ok((read, breaches))
}

fn folders(of: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(of)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The links of one document, given what exists.
pub fn check_links(source: &Source, exists: impl Fn(&Path) -> bool) -> Vec<Breach> {
    documents::links(source, exists)
}

/// The tests that a document names, given what exists.
pub fn check_named_tests(source: &Source, exists: impl Fn(&str) -> bool) -> Vec<Breach> {
    documents::named_tests(source, exists)
}

/// The rows of the document of threats that name no test.
pub fn check_rows(threats: &Source) -> Vec<Breach> {
    documents::untested_rows(threats)
}

/// What a source file asks of the map.
pub fn mapped_modules(path: &str) -> Vec<String> {
    documents::mapped_modules(path)
}

/// The modules and folders (`crate/name`) that the map leaves out.
pub fn check_map(map: &Source, modules: &[String]) -> Vec<Breach> {
    documents::unmapped(map, modules)
}

const TEXT: [&str; 7] = [".rs", ".proto", ".toml", ".md", ".sh", ".ci/run", "Containerfile"];
const NOT_OURS: [&str; 5] = ["target", ".git", "corpus", "artifacts", "bundle"];

fn read_tree(root: &Path) -> io::Result<Vec<Source>> {
    let mut sources = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let name = entry.file_name().to_string_lossy().into_owned();
            if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
                folders.push(path);
            } else if kind.is_file() {
                let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                if TEXT.iter().any(|t| relative.ends_with(t)) {
                    sources.push(Source::new(&relative, &std::fs::read_to_string(&path)?));
                }
            }
        }
    }
    Ok(sources)
}
