//! The file of one code list: a header line, then one line a code, tab-separated. `-` stands for no value.

/// The names, labels and crosswalks of one list.
#[derive(Debug)]
pub struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Row>,
    strangers: Vec<&'static str>,
}

#[derive(Debug)]
struct Row {
    number: i32,
    name: &'static str,
    cells: Vec<&'static str>,
}

impl Table {
    /// Joins the schema's names with the file. A name without a line has no cells; a test refuses that.
    pub(crate) fn read(file: &'static str, names: &[(i32, &'static str)]) -> Self {
        let mut lines = file.lines();
        let columns = lines.next().unwrap_or_default().split('\t').collect();
        let lines: Vec<Vec<&str>> = lines.map(|line| line.split('\t').collect()).collect();
        let find = |name: &str| lines.iter().find(|cells| cells.first() == Some(&name)).cloned().unwrap_or_default();
        let mut rows: Vec<Row> = names.iter().map(|&(number, name)| Row { number, name, cells: find(name) }).collect();
        rows.sort_by_key(|row| row.number);
        let known = |name: &&str| names.iter().any(|(_, known)| known == name);
        let strangers = lines.iter().filter_map(|cells| cells.first().copied()).filter(|name| !known(name)).collect();
        Self { columns, rows, strangers }
    }

    /// The columns of the file, in its order; the first two are `name` and `en`.
    pub fn columns(&self) -> &[&'static str] {
        &self.columns
    }

    /// Names of the file that the schema does not have: none, or the file is wrong.
    pub fn strangers(&self) -> &[&'static str] {
        &self.strangers
    }

    /// The numbers, rising.
    pub fn numbers(&self) -> impl Iterator<Item = i32> {
        self.rows.iter().map(|row| row.number)
    }

    /// The name of a number.
    pub fn name(&self, number: i32) -> Option<&'static str> {
        self.row(number).map(|row| row.name)
    }

    /// The number of a name.
    pub fn number(&self, name: &str) -> Option<i32> {
        self.rows.iter().find(|row| row.name == name).map(|row| row.number)
    }

    /// What stands in a column; `None` where it says `-`.
    pub fn cell(&self, number: i32, column: &str) -> Option<&'static str> {
        let place = self.columns.iter().position(|c| *c == column)?;
        self.row(number)?.cells.get(place).copied().filter(|cell| *cell != "-")
    }

    fn row(&self, number: i32) -> Option<&Row> {
        let place = self.rows.binary_search_by_key(&number, |row| row.number).ok()?;
        self.rows.get(place)
    }
}
