//! What a field of a kind can hold, in its four forms: on the wire, as a type, shown to people, and read from a draft's file.

use crate::alert::content::{CountryInRole, Place, SuspectedDestination};
use crate::alert::decode;
use crate::envelope::Rejection;
use crate::id::Digest;
#[cfg(feature = "operator")]
use crate::json::Fields;
use crate::json::Out;
use crate::limits;
use crate::summary::FAMILIES;
use crate::time::{Period, Week};
use crate::vocabulary::*;
use crate::wire::peer;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::fmt;

type Read<T> = Result<T, Rejection>;

fn refuse<T>(field: &'static str) -> Read<T> {
    Err(Rejection::Content(field))
}

/// A field's value.
pub(in crate::alert) trait Slot: Sized {
    /// Its field of the message.
    type Wire;
    /// What a draft's file must say there.
    #[cfg(feature = "operator")]
    const WANTED: &'static str;

    fn to_wire(&self) -> Self::Wire;
    /// `field` is the code of a refusal.
    fn from_wire(wire: Self::Wire, field: &'static str) -> Read<Self>;
    /// `None` where there is nothing to show.
    fn show(&self) -> Option<Out>;
    /// From the field of a draft's file; `None` where it is absent or was reported as wrong.
    #[cfg(feature = "operator")]
    fn draft(fields: &mut Fields<'_>, name: &'static str) -> Option<Self>;
}

impl<V: Vocabulary> Slot for V {
    type Wire = i32;
    #[cfg(feature = "operator")]
    const WANTED: &'static str = "a code of its list";

    fn to_wire(&self) -> i32 {
        self.number()
    }

    fn from_wire(wire: i32, field: &'static str) -> Read<Self> {
        V::from_number(wire).map_or(refuse(field), Ok)
    }

    fn show(&self) -> Option<Out> {
        Some(Out::text(self))
    }

    #[cfg(feature = "operator")]
    fn draft(fields: &mut Fields<'_>, name: &'static str) -> Option<Self> {
        fields.code(name)
    }
}

impl<V: Vocabulary> Slot for BTreeSet<V> {
    type Wire = Vec<i32>;
    #[cfg(feature = "operator")]
    const WANTED: &'static str = "a list of codes";

    fn to_wire(&self) -> Vec<i32> {
        self.iter().map(|code| code.number()).collect()
    }

    fn from_wire(wire: Vec<i32>, field: &'static str) -> Read<Self> {
        decode::set(&wire, field)
    }

    fn show(&self) -> Option<Out> {
        Some(Out::texts(self))
    }

    #[cfg(feature = "operator")]
    fn draft(fields: &mut Fields<'_>, name: &'static str) -> Option<Self> {
        fields.codes(name)
    }
}

impl Slot for BTreeSet<Country> {
    type Wire = Vec<String>;
    #[cfg(feature = "operator")]
    const WANTED: &'static str = "a list of countries";

    fn to_wire(&self) -> Vec<String> {
        self.iter().map(|country| country.code().to_owned()).collect()
    }

    fn from_wire(wire: Vec<String>, field: &'static str) -> Read<Self> {
        let countries = wire.iter().map(|text| decode::country(text, field)).collect::<Read<Vec<_>>>()?;
        decode::rising(countries, limits::ALERT_COUNTRIES, field)
    }

    fn show(&self) -> Option<Out> {
        Some(Out::texts(self))
    }

    #[cfg(feature = "operator")]
    fn draft(fields: &mut Fields<'_>, name: &'static str) -> Option<Self> {
        fields.countries(name)
    }
}

impl Slot for BTreeSet<CountryInRole> {
    type Wire = Vec<peer::CountryInRole>;
    #[cfg(feature = "operator")]
    const WANTED: &'static str = "a list of { \"role\", \"country\" }";

    fn to_wire(&self) -> Self::Wire {
        let one =
            |c: &CountryInRole| peer::CountryInRole { role: c.role.number(), country: c.country.code().to_owned() };
        self.iter().map(one).collect()
    }

    fn from_wire(wire: Self::Wire, _: &'static str) -> Read<Self> {
        decode::countries_in_role(wire)
    }

    fn show(&self) -> Option<Out> {
        let one = |c: &CountryInRole| Out::Object(vec![("role", Out::text(c.role)), ("country", Out::text(c.country))]);
        Some(Out::List(self.iter().map(one).collect()))
    }

    #[cfg(feature = "operator")]
    fn draft(fields: &mut Fields<'_>, name: &'static str) -> Option<Self> {
        let read = |mut inner: Fields<'_>| {
            let role = inner.code("role");
            let role = inner.need("role", "what the country is: RECRUITMENT, TRANSIT, EXPLOITATION ...", role);
            let country = inner.country("country");
            let country = inner.need("country", "an alpha-2 code such as NO", country);
            inner.finish();
            role.zip(country).map(|(role, country)| CountryInRole { role, country })
        };
        Some(fields.objects(name)?.into_iter().filter_map(read).collect())
    }
}

impl Slot for Vec<SuspectedDestination> {
    type Wire = Vec<peer::SuspectedDestination>;
    #[cfg(feature = "operator")]
    const WANTED: &'static str = "a list of { \"country\", \"certainty\" }";

    fn to_wire(&self) -> Self::Wire {
        let one = |d: &SuspectedDestination| peer::SuspectedDestination {
            country: d.country.code().to_owned(),
            certainty: d.certainty.number(),
        };
        self.iter().map(one).collect()
    }

    fn from_wire(wire: Self::Wire, _: &'static str) -> Read<Self> {
        decode::destinations(wire)
    }

    fn show(&self) -> Option<Out> {
        let one = |d: &SuspectedDestination| {
            Out::Object(vec![("country", Out::text(d.country)), ("certainty", Out::text(d.certainty))])
        };
        Some(Out::List(self.iter().map(one).collect()))
    }

    #[cfg(feature = "operator")]
    fn draft(fields: &mut Fields<'_>, name: &'static str) -> Option<Self> {
        let mut list: Self = Vec::new();
        for mut inner in fields.objects(name)? {
            let country = inner.country("country");
            let country = inner.need("country", "an alpha-2 code such as NO", country);
            let certainty = inner.code("certainty").unwrap_or(Certainty::POSSIBLE);
            if list.iter().any(|d| Some(d.country) == country) {
                inner.report("country", None, "every country once", "one that stands there already", "take one out");
            }
            list.extend(country.map(|country| SuspectedDestination { country, certainty }));
            inner.finish();
        }
        if list.len() > limits::ALERT_DESTINATIONS {
            fields.report(name, None, "at most three countries", "more", "keep the likeliest");
        }
        list.sort();
        Some(list)
    }
}

impl Slot for Place {
    type Wire = Option<peer::Place>;
    #[cfg(feature = "operator")]
    const WANTED: &'static str = "the country, { \"country\": \"NO\" }, and a NUTS-1 region if it is known";

    fn to_wire(&self) -> Self::Wire {
        let nuts1 = self.nuts1.map(|region| region.code().to_owned()).unwrap_or_default();
        Some(peer::Place { country: self.country.code().to_owned(), nuts1 })
    }

    fn from_wire(wire: Self::Wire, field: &'static str) -> Read<Self> {
        let Some(peer::Place { country, nuts1 }) = wire else { return refuse(field) };
        decode::place(&country, &nuts1, field)
    }

    fn show(&self) -> Option<Out> {
        let region = self.nuts1.map(|region| ("nuts1", Out::text(region)));
        Some(Out::Object([("country", Out::text(self.country))].into_iter().chain(region).collect()))
    }

    #[cfg(feature = "operator")]
    fn draft(fields: &mut Fields<'_>, name: &'static str) -> Option<Self> {
        let mut inner = fields.object(name)?;
        let nuts1 = inner.nuts1("nuts1");
        let country = inner.country("country");
        let country = inner.need("country", "an alpha-2 code such as NO", country);
        inner.finish();
        country.map(|country| Self { country, nuts1 })
    }
}

impl Slot for Period {
    type Wire = String;
    #[cfg(feature = "operator")]
    const WANTED: &'static str = "a period such as 2026-11, 2026-Q3, 2026-H1 or 2026";

    fn to_wire(&self) -> String {
        self.to_string()
    }

    fn from_wire(wire: String, field: &'static str) -> Read<Self> {
        Self::parse(&wire).or(refuse(field))
    }

    fn show(&self) -> Option<Out> {
        Some(Out::text(self))
    }

    #[cfg(feature = "operator")]
    fn draft(fields: &mut Fields<'_>, name: &'static str) -> Option<Self> {
        fields.parsed(name, Self::WANTED, |text| Self::parse(text).ok())
    }
}

impl Slot for Option<Week> {
    type Wire = String;
    #[cfg(feature = "operator")]
    const WANTED: &'static str = "a week such as 2026-W48";

    fn to_wire(&self) -> String {
        self.map(|week| week.to_string()).unwrap_or_default()
    }

    fn from_wire(wire: String, field: &'static str) -> Read<Self> {
        if wire.is_empty() { Ok(None) } else { Week::parse(&wire).map(Some).or(refuse(field)) }
    }

    fn show(&self) -> Option<Out> {
        self.map(Out::text)
    }

    #[cfg(feature = "operator")]
    fn draft(fields: &mut Fields<'_>, name: &'static str) -> Option<Self> {
        fields.parsed(name, Self::WANTED, |text| Week::parse(text).ok()).map(Some)
    }
}

impl Slot for Digest {
    type Wire = Bytes;
    #[cfg(feature = "operator")]
    const WANTED: &'static str = "64 hex digits";

    fn to_wire(&self) -> Bytes {
        Bytes::copy_from_slice(&self.0)
    }

    fn from_wire(wire: Bytes, field: &'static str) -> Read<Self> {
        Self::from_bytes(&wire).map_or(refuse(field), Ok)
    }

    fn show(&self) -> Option<Out> {
        Some(Out::text(self))
    }

    #[cfg(feature = "operator")]
    fn draft(fields: &mut Fields<'_>, name: &'static str) -> Option<Self> {
        fields.parsed(name, Self::WANTED, |text| Self::parse(text).ok())
    }
}

impl Slot for Option<Digest> {
    type Wire = Bytes;
    #[cfg(feature = "operator")]
    const WANTED: &'static str = Digest::WANTED;

    fn to_wire(&self) -> Bytes {
        self.as_ref().map(Slot::to_wire).unwrap_or_default()
    }

    fn from_wire(wire: Bytes, field: &'static str) -> Read<Self> {
        if wire.is_empty() { Ok(None) } else { Digest::from_wire(wire, field).map(Some) }
    }

    fn show(&self) -> Option<Out> {
        self.as_ref().and_then(Slot::show)
    }

    #[cfg(feature = "operator")]
    fn draft(fields: &mut Fields<'_>, name: &'static str) -> Option<Self> {
        Digest::draft(fields, name).map(Some)
    }
}

/// A family of trend tables that this version knows, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family(&'static str);

impl Family {
    /// The family of this name.
    pub fn parse(name: &str) -> Option<Self> {
        FAMILIES.iter().find(|known| **known == name).map(|known| Self(known))
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Slot for Family {
    type Wire = String;
    #[cfg(feature = "operator")]
    const WANTED: &'static str = "a family of trend tables, such as first";

    fn to_wire(&self) -> String {
        self.0.to_owned()
    }

    fn from_wire(wire: String, field: &'static str) -> Read<Self> {
        Self::parse(&wire).map_or(refuse(field), Ok)
    }

    fn show(&self) -> Option<Out> {
        Some(Out::text(self))
    }

    #[cfg(feature = "operator")]
    fn draft(fields: &mut Fields<'_>, name: &'static str) -> Option<Self> {
        fields.parsed(name, Self::WANTED, Self::parse)
    }
}
