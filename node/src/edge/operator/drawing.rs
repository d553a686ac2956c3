//! What a draft is made from: a file, a query over records, or one record.

use crate::flow::Node;
use crate::flow::alert::drafts::{self, Drafted, Refused};
use crate::flow::alert::drawn;
use crate::flow::alert::next::{self, Next};
use crate::national::minimise::{Missing, Query};
use varde_proto::alert::CountryInRole;
use varde_proto::id::AlertId;
use varde_proto::limits;
use varde_proto::time::Period;
use varde_proto::vocabulary::{AlertKind, Country, CountryRole, MsgType, Vocabulary};
use varde_proto::wire::operator::draft_request::From;
use varde_proto::wire::operator::{NextVersion, PatternQuery, RecordPointer};

/// Draws what a request asks for. May read every record, so it runs on a thread of its own.
pub(super) fn draw(node: &Node, file: &[u8], kind: i32, from: Option<From>) -> Result<Drafted, Refused> {
    let text = std::str::from_utf8(file).map_err(|_| Refused::NotText)?;
    match from {
        None => drafts::from_file(node, text, AlertKind::from_number(kind)),
        Some(From::Query(query)) => drawn::pattern(node, read_query(query)?, text),
        Some(From::Record(RecordPointer { record, missing_type, elapsed, risk_tier })) => {
            let missing = Missing {
                missing_type: code(missing_type, "missing_type")?,
                elapsed: code(elapsed, "elapsed_band")?,
                risk_tier: code(risk_tier, "risk_tier")?,
            };
            drawn::pointer(node, &record, missing, text)
        }
        Some(From::Next(NextVersion { of, msg_type, elapsed })) => {
            let how = code(msg_type, "msg_type")?;
            if !matches!(how, MsgType::UPDATE | MsgType::CORRECT) {
                return Err(Refused::NotACode("msg_type"));
            }
            let of = AlertId::parse(&of).map_err(|_| Refused::NotACode("the id of the version before"))?;
            let elapsed = if elapsed == 0 { None } else { Some(code(elapsed, "elapsed_band")?) };
            next::draft(node, Next { of, how, elapsed }, text)
        }
    }
}

fn read_query(query: PatternQuery) -> Result<Query, Refused> {
    let PatternQuery { kind, forms, period, countries } = query;
    if forms.len() > limits::ALERT_CODES || countries.len() > limits::ALERT_COUNTRIES {
        return Err(Refused::NotACode("the query"));
    }
    let country = |c: varde_proto::wire::peer::CountryInRole| {
        let country = Country::parse(&c.country).map_err(|_| Refused::NotACode("country"))?;
        Ok(CountryInRole { role: code::<CountryRole>(c.role, "role")?, country })
    };
    Ok(Query {
        kind: code(kind, "kind")?,
        forms: forms.into_iter().map(|form| code(form, "form")).collect::<Result<_, Refused>>()?,
        period: Period::parse(&period).map_err(|_| Refused::NotACode("period"))?,
        countries: countries.into_iter().map(country).collect::<Result<_, Refused>>()?,
    })
}

fn code<V: Vocabulary>(number: i32, field: &'static str) -> Result<V, Refused> {
    V::from_number(number).ok_or(Refused::NotACode(field))
}
