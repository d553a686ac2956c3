//! The storage codec of a record, version 1: fields in the order of [`Stated`], numbers big-endian, lists with their length
//! in one byte. One encoding for each record. Read strictly: a length over its bound, a set that does not ascend, a flag that
//! is not 0 or 1, a byte too few or too many, or a version from the future is refused, never guessed at.

use super::register::check;
use super::{
    Assertion, ChildId, Codes, CountryCode, Grading, Identity, Nuts1, Place, Record, RecordId, Regime, StageEvent,
    Stated, StatedDate,
};
use varde_proto::limits;

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

    fn codes(&mut self, codes: &Codes) {
        self.length(codes.len());
        codes.iter().for_each(|code| self.number(code));
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
        self.byte(match s.regime {
            Regime::Gdpr => 1,
            Regime::Led => 2,
        });
        self.byte(match s.assertion {
            Assertion::Fact => 1,
            Assertion::Assessment => 2,
        });
        self.option(s.grading, |out, grading| out.bytes(grading.to_string().as_bytes()));
        self.option(s.registered_on, Self::date);
        self.option(s.retain_until, Self::date);
        [s.status, s.decided_by, s.case_status].iter().for_each(|code| self.number(*code));
        self.option(s.age, Self::byte);
        [s.age_band, s.age_reference, s.gender].iter().for_each(|code| self.number(*code));
        self.list(&s.citizenships, |out, country| out.bytes(country.as_str().as_bytes()));
        self.option(s.language, |out, language| out.bytes(&language));
        self.number(s.primary_form);
        for codes in [
            &s.forms,
            &s.means,
            &s.acts,
            &s.recruitment,
            &s.relations,
            &s.platforms,
            &s.situations,
            &s.sources,
            &s.indicators,
            &s.determinants,
            &s.industries,
            &s.transport,
            &s.borders,
            &s.services,
        ] {
            self.codes(codes);
        }
        self.number(s.duration);
        self.list(&s.places, |out, place| {
            out.number(place.role);
            out.bytes(place.country.as_str().as_bytes());
            out.option(place.region, |out, region| out.bytes(region.as_str().as_bytes()));
            out.option(place.when, Self::date);
        });
        self.list(&s.stages, |out, event| {
            out.number(event.stage);
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

    fn codes(&mut self) -> Option<Codes> {
        let numbers = self.list(Self::number)?;
        let ascending = numbers.windows(2).all(|pair| pair[0] < pair[1]);
        ascending.then(|| Codes::new(numbers))
    }

    fn date(&mut self) -> Option<StatedDate> {
        StatedDate::new(self.number()?, self.byte()?, self.byte()?)
    }

    fn country(&mut self) -> Option<CountryCode> {
        self.str(2).and_then(CountryCode::parse)
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
            regime: match self.byte()? {
                1 => Regime::Gdpr,
                2 => Regime::Led,
                _ => return None,
            },
            assertion: match self.byte()? {
                1 => Assertion::Fact,
                2 => Assertion::Assessment,
                _ => return None,
            },
            grading: self.option(|input| input.str(2).and_then(Grading::parse))?,
            registered_on: self.option(Self::date)?,
            retain_until: self.option(Self::date)?,
            status: self.number()?,
            decided_by: self.number()?,
            case_status: self.number()?,
            age: self.option(Self::byte)?,
            age_band: self.number()?,
            age_reference: self.number()?,
            gender: self.number()?,
            citizenships: self.list(Self::country)?,
            language: self.option(Self::array)?,
            primary_form: self.number()?,
            forms: self.codes()?,
            means: self.codes()?,
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
            duration: self.number()?,
            places: self.list(Self::place)?,
            stages: self.list(|input| Some(StageEvent { stage: input.number()?, on: input.option(Self::date)? }))?,
        })
    }

    fn place(&mut self) -> Option<Place> {
        let role = self.number()?;
        let country = self.country()?;
        let region = self.option(|input| input.str(3).and_then(|text| Nuts1::parse(text, country)))?;
        Some(Place { role, country, region, when: self.option(Self::date)? })
    }
}

#[cfg(test)]
mod tests;
