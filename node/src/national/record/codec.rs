//! The storage codec of a record, version 1: fields in the order of [`Stated`], numbers big-endian, lists with their length
//! in one byte. One encoding for each record. Read strictly: a length over its bound, a set that does not ascend, a flag that
//! is not 0 or 1, a byte too few or too many, or a version from the future is refused, never guessed at.

use super::register::check;
use super::{ChildId, Code, Codes, Identity, Place, Record, RecordId, StageEvent, Stated, StatedDate};
use varde_proto::limits;
use varde_proto::vocabulary::{Country, Nuts1};

const VERSION: u8 = 1;

/// Bytes that are not a record of a version this node reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotARecord {
    /// Written by a later version of this software.
    #[error("the record is of version {0}, which is newer than this node")]
    Newer(u8),
    /// Damaged, or not a record.
    #[error("the record is damaged")]
    Damaged,
}

impl Record {
    /// The bytes to be sealed and stored.
    pub fn to_stored(&self) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(256));
        out.byte(VERSION);
        out.bytes(&self.id.0);
        out.bytes(&self.child.0);
        out.bytes(&self.identity.0);
        out.date(self.registered_on);
        out.stated(&self.stated);
        out.0
    }

    /// Reads what [`Record::to_stored`] wrote.
    pub fn from_stored(bytes: &[u8]) -> Result<Self, NotARecord> {
        match bytes {
            [0, ..] | [] => return Err(NotARecord::Damaged),
            [VERSION, ..] => {}
            [newer, ..] => return Err(NotARecord::Newer(*newer)),
        }
        if bytes.len() > limits::RECORD_BYTES {
            return Err(NotARecord::Damaged);
        }
        let mut input = Reader(&bytes[1..]);
        let record = input.record().ok_or(NotARecord::Damaged)?;
        let frozen = record.stated.registered_on.is_none_or(|date| date == record.registered_on);
        let whole = input.0.is_empty() && frozen && check(&record.stated).is_ok();
        if whole { Ok(record) } else { Err(NotARecord::Damaged) }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u16) {
        self.bytes(&number.to_be_bytes());
    }

    /// Lengths fit a byte: `register::check` bounds every list and text below 256.
    fn length(&mut self, length: usize) {
        self.byte(u8::try_from(length).unwrap_or(u8::MAX));
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes(text.as_bytes());
    }

    fn code(&mut self, code: impl Code) {
        self.number(code.number());
    }

    fn codes<C: Code>(&mut self, codes: &Codes<C>) {
        self.list(codes.as_slice(), |out, code| out.code(*code));
    }

    /// The row of the country list, version 1; rows are never reordered.
    fn country(&mut self, country: Country) {
        self.length(country.index());
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.byte(0),
            Some(value) => {
                self.byte(1);
                write(self, value);
            }
        }
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.length(items.len());
        items.iter().for_each(|item| write(self, item));
    }

    fn date(&mut self, date: StatedDate) {
        self.number(date.year());
        self.byte(date.month().unwrap_or(0));
        self.byte(date.day().unwrap_or(0));
    }

    fn stated(&mut self, s: &Stated) {
        self.text(&s.agency);
        self.text(&s.reference);
        self.code(s.regime);
        self.code(s.assertion);
        self.code(s.source_grade);
        self.code(s.information_grade);
        self.option(s.registered_on, Self::date);
        self.option(s.retain_until, Self::date);
        self.code(s.status);
        self.code(s.decided_by);
        self.code(s.case_status);
        self.option(s.age, Self::byte);
        self.code(s.age_band);
        self.code(s.age_reference);
        self.code(s.gender);
        self.list(&s.citizenships, |out, country| out.country(*country));
        self.option(s.language, |out, language| out.bytes(&language));
        self.code(s.primary_form);
        self.codes(&s.forms);
        self.codes(&s.means);
        self.codes(&s.means_groups);
        self.codes(&s.acts);
        self.codes(&s.recruitment);
        self.codes(&s.relations);
        self.codes(&s.platforms);
        self.codes(&s.situations);
        self.codes(&s.sources);
        self.codes(&s.indicators);
        self.codes(&s.determinants);
        self.codes(&s.industries);
        self.codes(&s.transport);
        self.codes(&s.borders);
        self.codes(&s.services);
        self.code(s.duration);
        self.list(&s.places, |out, place| {
            out.code(place.role);
            out.country(place.country);
            out.option(place.region, |out, region| out.text(region.code()));
            out.option(place.when, Self::date);
        });
        self.list(&s.stages, |out, event| {
            out.code(event.stage);
            out.option(event.on, Self::date);
        });
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn number(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn str(&mut self, count: usize) -> Option<&'a str> {
        std::str::from_utf8(self.take(count)?).ok()
    }

    fn text(&mut self) -> Option<String> {
        let length = self.byte()?;
        self.str(length.into()).map(str::to_owned)
    }

    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }

    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.byte()?;
        (0..length).map(|_| read(self)).collect()
    }

    fn code<C: Code>(&mut self) -> Option<C> {
        self.number().and_then(C::from_number)
    }

    fn codes<C: Code>(&mut self) -> Option<Codes<C>> {
        let codes: Vec<C> = self.list(Self::code)?;
        let ascending = codes.windows(2).all(|pair| pair[0] < pair[1]);
        ascending.then(|| Codes::new(codes))
    }

    fn date(&mut self) -> Option<StatedDate> {
        StatedDate::new(self.number()?, self.byte()?, self.byte()?)
    }

    fn country(&mut self) -> Option<Country> {
        self.byte().and_then(|row| Country::from_index(row.into()))
    }

    fn record(&mut self) -> Option<Record> {
        Some(Record {
            id: RecordId(self.array()?),
            child: ChildId(self.array()?),
            identity: Identity(self.array()?),
            registered_on: self.date()?,
            stated: self.stated()?,
        })
    }

    /// The fields in the order in which they were written: a struct literal is evaluated in the order of its lines.
    fn stated(&mut self) -> Option<Stated> {
        Some(Stated {
            agency: self.text()?,
            reference: self.text()?,
            regime: self.code()?,
            assertion: self.code()?,
            source_grade: self.code()?,
            information_grade: self.code()?,
            registered_on: self.option(Self::date)?,
            retain_until: self.option(Self::date)?,
            status: self.code()?,
            decided_by: self.code()?,
            case_status: self.code()?,
            age: self.option(Self::byte)?,
            age_band: self.code()?,
            age_reference: self.code()?,
            gender: self.code()?,
            citizenships: self.list(Self::country)?,
            language: self.option(Self::array)?,
            primary_form: self.code()?,
            forms: self.codes()?,
            means: self.codes()?,
            means_groups: self.codes()?,
            acts: self.codes()?,
            recruitment: self.codes()?,
            relations: self.codes()?,
            platforms: self.codes()?,
            situations: self.codes()?,
            sources: self.codes()?,
            indicators: self.codes()?,
            determinants: self.codes()?,
            industries: self.codes()?,
            transport: self.codes()?,
            borders: self.codes()?,
            services: self.codes()?,
            duration: self.code()?,
            places: self.list(Self::place)?,
            stages: self.list(|input| Some(StageEvent { stage: input.code()?, on: input.option(Self::date)? }))?,
        })
    }

    fn place(&mut self) -> Option<Place> {
        Some(Place {
            role: self.code()?,
            country: self.country()?,
            region: self.option(|input| input.text().and_then(|code| Nuts1::parse(&code).ok()))?,
            when: self.option(Self::date)?,
        })
    }
}

#[cfg(test)]
mod tests;
