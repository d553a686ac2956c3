//! A message of protocol buffers, taken apart without its schema: to put a text where one stood, or where nothing stood.

/// A field: its number and kind as one key, and its value; of a length-delimited one without the length.
#[derive(Clone)]
struct Field {
    key: u64,
    value: Vec<u8>,
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let value = match key & 7 {
            0 => {
                let before = bytes;
                varint(&mut bytes)?;
                before[..before.len() - bytes.len()].to_vec()
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                value.to_vec()
            }
            _ => return None,
        };
        if key >> 3 == 0 {
            return None;
        }
        fields.push(Field { key, value });
    }
    Some(fields)
}

fn write(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        write_varint(field.key, &mut out);
        if field.key & 7 == 2 {
            write_varint(field.value.len() as u64, &mut out);
        }
        out.extend_from_slice(&field.value);
    }
    out
}

/// Codes of countries and regions, and periods: the texts that an alert has.
fn is_text(value: &[u8]) -> bool {
    let text = value.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'-');
    (2..=12).contains(&value.len()) && text && value.iter().any(u8::is_ascii_uppercase)
}

/// Ids, tokens, digests and salts: bytes that nobody reads.
fn is_opaque(value: &[u8]) -> bool {
    matches!(value.len(), 10 | 16 | 32) && value.iter().any(|b| *b >= 0x80)
}

/// The places of a message that hold a text or opaque bytes, as paths of positions.
fn places(fields: &[Field], path: &[usize], found: &mut Vec<Vec<usize>>) {
    for (at, field) in fields.iter().enumerate().filter(|(_, field)| field.key & 7 == 2) {
        let here = [path, &[at]].concat();
        if is_text(&field.value) || is_opaque(&field.value) {
            found.push(here);
        } else if let Some(inner) = read(&field.value) {
            places(&inner, &here, found);
        }
    }
}

fn change(fields: &mut [Field], path: &[usize], change: &dyn Fn(&mut Field)) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        return change(&mut fields[*first]);
    }
    let mut inner = read(&fields[*first].value).expect("a message, as before");
    self::change(&mut inner, rest, change);
    fields[*first].value = write(&inner);
}

/// Puts a text where another stood, or where opaque bytes did: those keep their length.
pub(crate) fn spoil_text(message: &[u8], chance: u64, text: &str) -> (Vec<u8>, String) {
    let (mut fields, mut found) = (read(message).expect("a message"), Vec::new());
    places(&fields, &[], &mut found);
    let path = &found[chance as usize % found.len()];
    change(&mut fields, path, &|field| {
        field.value = if is_text(&field.value) {
            text.as_bytes().to_vec()
        } else {
            text.bytes().chain(" of no fixed place".bytes().cycle()).take(field.value.len()).collect()
        };
    });
    let keys: Vec<u64> = path.iter().map(|at| *at as u64).collect();
    (write(&fields), format!("at {keys:?} of {:?}: {text:?}", found.len()))
}

/// Adds a field that no schema has, at the top or in the content.
pub(crate) fn add_field(message: &[u8], chance: u64, text: &str) -> (Vec<u8>, String) {
    let mut fields = read(message).expect("a message");
    let field = Field { key: (200 + chance % 100) << 3 | 2, value: text.as_bytes().to_vec() };
    if chance & 1 == 0 {
        fields.push(field);
    } else if let Some(content) = fields.iter_mut().rfind(|field| field.key >> 3 > 100) {
        let mut inner = read(&content.value).expect("a content");
        inner.push(field);
        content.value = write(&inner);
    }
    (write(&fields), format!("another field: {text:?}"))
}
