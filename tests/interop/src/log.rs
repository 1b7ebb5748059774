//! Lines that `http_server` logs: `login user="EXAMPLE\\alice" from=127.0.0.1:40000 mic=yes`.

/// One line, taken apart.
#[derive(Clone, Debug)]
pub struct Line {
    text: String,
    fields: Vec<(String, String)>,
}

impl Line {
    pub fn parse(text: &str) -> Self {
        Self { text: text.to_owned(), fields: fields(text) }
    }

    pub fn is_login(&self) -> bool {
        self.text.starts_with("login ")
    }

    pub fn is_refusal(&self) -> bool {
        self.text.starts_with("refused ")
    }

    /// A field's value, without its quotes.
    ///
    /// # Panics
    /// If there is no such field.
    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(field, _)| field == name);
        &found.unwrap_or_else(|| panic!("{:?} has no field {name}", self.text)).1
    }

    /// The whole line.
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        let name = before.rsplit(' ').next().unwrap_or_default().to_owned();
        let (value, left) = value(after);
        fields.push((name, value));
        rest = left;
    }
    fields
}

/// A value and what follows: quoted with backslashes, or up to the next space.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(' ').unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn quotes_and_backslashes_are_taken_off() {
        let line =
            Line::parse(r#"login user="EXAMPLE\\alice" from=127.0.0.1:1 reason="a \"b\" c""#);
        assert_eq!(line.field("user"), r"EXAMPLE\alice");
        assert_eq!(line.field("from"), "127.0.0.1:1");
        assert_eq!(line.field("reason"), "a \"b\" c");
    }
}
