//! A table of people as it comes out of a spreadsheet: commas, semicolons or tabs, quotes as in RFC 4180, and a first line of names, one of
//! which is `email`.

use pressrun_api::people::Typed;

/// Reads a table of at most so many people. An empty cell takes the value away.
///
/// # Errors
/// The line and what to change.
pub(super) fn read(text: &str, most: usize) -> Result<Vec<Typed>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    let mark = ['\t', ';', ','].into_iter().max_by_key(|mark| first.matches(*mark).count()).unwrap_or(',');
    let mut lines = records(text, mark)?.into_iter();
    let names = lines.next().map(|(_, names)| names).unwrap_or_default();
    let at = names.iter().position(|name| name.trim().eq_ignore_ascii_case("email"));
    let at = at.ok_or("The first line has to name the columns, and one of them is “email”.")?;
    let mut people = Vec::new();
    for (line, cells) in lines {
        if cells.len() != names.len() {
            return Err(format!("Line {line} has {} cells and the first line {}.", cells.len(), names.len()));
        }
        let email = cells.get(at).map(|cell| cell.trim().to_owned()).unwrap_or_default();
        if email.is_empty() {
            return Err(format!("Line {line} has no address."));
        }
        if people.len() == most {
            return Err(format!("The table has more than {most} people. Import it in parts."));
        }
        let values = names.iter().zip(cells).enumerate().filter(|(column, _)| *column != at);
        people.push((email, values.map(|(_, (name, cell))| (name.trim().to_owned(), cell)).collect()));
    }
    if people.is_empty() { Err("The table has no people under its first line.".to_owned()) } else { Ok(people) }
}

/// Number of the first line, from 1, and cells of each record that is not empty.
fn records(text: &str, mark: char) -> Result<Vec<(usize, Vec<String>)>, String> {
    let (mut records, mut cells, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut begun, mut quoted) = (1, 1, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            '\n' if !quoted => {
                line += 1;
                end(&mut records, &mut cells, &mut cell, begun);
                begun = line;
            }
            '\r' if !quoted => {}
            letter if letter == mark && !quoted => cells.push(std::mem::take(&mut cell)),
            letter => {
                line += usize::from(letter == '\n');
                cell.push(letter);
            }
        }
    }
    if quoted {
        return Err(format!("The quotation mark in the record that begins at line {begun} is not closed."));
    }
    end(&mut records, &mut cells, &mut cell, begun);
    Ok(records)
}

fn end(records: &mut Vec<(usize, Vec<String>)>, cells: &mut Vec<String>, cell: &mut String, begun: usize) {
    cells.push(std::mem::take(cell));
    let cells = std::mem::take(cells);
    if cells.iter().any(|cell| !cell.trim().is_empty()) {
        records.push((begun, cells));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_spreadsheets_are_read() {
        for text in [
            "email,region\na@x.example,\"EU, US\"\nb@x.example,\n",
            "\u{feff}region;Email\r\n\"EU, US\";a@x.example\r\n\r\n;b@x.example",
            "email\tregion\na@x.example\tEU, US\nb@x.example\t",
        ] {
            let people = read(text, 10).unwrap_or_else(|error| panic!("{text}: {error}"));
            let expected = [("a@x.example", "EU, US"), ("b@x.example", "")];
            let expected = expected.map(|(email, region)| (email.to_owned(), vec![("region".to_owned(), region.to_owned())]));
            assert_eq!(people, expected, "{text}");
        }
    }

    #[test]
    fn a_table_that_is_not_understood_is_refused_with_its_line() {
        for (text, part) in [
            ("", "“email”"),
            ("name\nx", "“email”"),
            ("email,region", "no people"),
            ("email,region\na@x.example", "Line 2 has 1 cells"),
            ("email,region\n,EU", "Line 2 has no address"),
            ("email\n\"a@x.example", "line 2 is not closed"),
            ("email\na\nb\nc", "more than 2 people"),
        ] {
            assert!(read(text, 2).is_err_and(|error| error.contains(part)), "{text}");
        }
    }
}
