#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use indexmap::IndexMap;
use pressrun_domain::catalog::{FieldSpec, GridPosition};
use pressrun_domain::chart::{Chart, Mark};
use pressrun_domain::mail::{Filling, Slot};
use proptest::prelude::*;

use super::*;
use crate::report::{Rows, TileContent, TileData, TileView};

fn view() -> MailView {
    let kpi = |value: &str, change: Option<&str>, good| KpiText {
        value: value.to_owned(),
        change: change.map(str::to_owned),
        good,
        compared_with: change.map(|_| "vs $1.1M in February".to_owned()),
    };
    MailView {
        title: "Orders <weekly>".to_owned(),
        message: "Hello,\nhere are the \"numbers\" & more.\n\n<script>alert(1)</script>".to_owned(),
        filters: vec![
            FilterLine { label: "Region".to_owned(), value: "is US, CA".to_owned(), key: "region".to_owned() },
            FilterLine { label: "Status".to_owned(), value: String::new(), key: "status".to_owned() },
        ],
        kpis: vec![("Revenue".to_owned(), kpi("$1.23M", Some("+12.3%"), Some(true))), ("Orders".to_owned(), kpi("4,210", None, None))],
        tables: vec![MailTable {
            title: "Best customers".to_owned(),
            columns: vec![("Customer".to_owned(), false), ("Revenue".to_owned(), true)],
            rows: vec![vec!["Blobs & Co".to_owned(), "$1,200".to_owned()], vec!["東京ブロブ".to_owned(), "$80".to_owned()]],
            more_rows: true,
            more_columns: 2,
        }],
        inline_image: Some(InlineImage { alt: "Orders: 3 charts".to_owned(), width: 1680 }),
        notes: vec!["\"Orders\" stops at its limit of 1,000 rows".to_owned()],
        organization: "Blob Inc.".to_owned(),
        schedule_name: "Weekly\r\norders".to_owned(),
        scheduled_for_text: "Monday, 2 March 2026, 09:00 EST".to_owned(),
    }
}

/// Both forms, every place filled but the note.
struct Sent {
    html: String,
    text: String,
}

const FILLED: Filling<'static> = Filling {
    link: Some("https://bi.example.com/dashboards/1?a=1&b=\"2\""),
    unsubscribe: Some("https://bi.example.com/unsubscribe/abc"),
    picture: Some("cid:dashboard"),
    note: None,
};

fn sent(view: &MailView) -> Sent {
    let words = mail_words(view);
    Sent { html: words.html(&FILLED), text: words.text(&FILLED) }
}

#[test]
fn the_html_part_as_it_is_sent() {
    insta::assert_snapshot!("mail.html", sent(&view()).html);
}

#[test]
fn a_notice_as_it_is_sent() {
    let text = "The scheduled delivery “Weekly orders” failed.\n\nReason: renderFailed\n\n<b>Tile</b> “Orders”: no such column";
    let filling = Filling { link: Some("https://bi.example.com/runs/1"), ..Filling::default() };
    let words = notice_words("Delivery failed: Weekly orders", text, "Blob Inc.");
    insta::assert_snapshot!("notice.html", words.html(&filling));
    assert_eq!(words.text(&filling), format!("{text}\n\nhttps://bi.example.com/runs/1\n"));
}

#[test]
fn d11_the_text_part_says_everything() {
    insta::assert_snapshot!(sent(&view()).text, @r#"
    Orders <weekly>
    Monday, 2 March 2026, 09:00 EST

    Hello,
    here are the "numbers" & more.

    <script>alert(1)</script>

    Revenue: $1.23M (+12.3%) vs $1.1M in February
    Orders: 4,210

    Best customers
      Customer    Revenue
      Blobs & Co   $1,200
      東京ブロブ      $80
      The first 2 rows; there are more, and 2 more columns.

    ! "Orders" stops at its limit of 1,000 rows

    Filters
      Region: is US, CA

    Open the dashboard: https://bi.example.com/dashboards/1?a=1&b="2"

    -- 
    Sent by Blob Inc. for the schedule “Weekly orders”.
    Unsubscribe: https://bi.example.com/unsubscribe/abc
    "#);
}

#[test]
fn d11_what_people_wrote_is_escaped_and_lines_are_kept() {
    let html = sent(&view()).html;
    assert!(html.contains("Orders &#60;weekly&#62;") || html.contains("Orders &lt;weekly&gt;"), "{html}");
    assert!(!html.contains("<script>"));
    assert!(html.contains("Hello,<br>here are the "));
    assert!(!html.contains("b=\"2\""), "an attribute cannot be left");
}

#[test]
fn r2_the_picture_is_named_by_content_id_with_an_alt_and_fits_the_card() {
    let html = sent(&view()).html;
    assert!(html.contains("src=\"cid:dashboard\" width=\"552\" alt=\"Orders: 3 charts\""), "{html}");
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let html = sent(&view()).html;
    for remote in ["src=\"http", "url(", "@import", "<link", "<script", "background=\"http"] {
        assert!(!html.contains(remote), "{remote}");
    }
}

#[test]
fn a_hostile_name_stays_a_name_in_both_parts() {
    const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x>\u{202e}evil\u{2066}\r\nBcc: x@y.zz\u{0}";
    let mut view = view();
    view.title = HOSTILE.to_owned();
    view.message = HOSTILE.to_owned();
    view.notes = vec![HOSTILE.to_owned()];
    view.organization = HOSTILE.to_owned();
    view.schedule_name = HOSTILE.to_owned();
    view.filters[0].label = HOSTILE.to_owned();
    view.filters[0].value = HOSTILE.to_owned();
    view.kpis[0].0 = HOSTILE.to_owned();
    view.kpis[0].1.value = HOSTILE.to_owned();
    view.tables[0].title = HOSTILE.to_owned();
    view.tables[0].columns[0].0 = HOSTILE.to_owned();
    view.tables[0].rows[0][0] = HOSTILE.to_owned();
    view.inline_image.as_mut().unwrap().alt = HOSTILE.to_owned();
    let body = sent(&view);
    assert!(!body.html.contains("<script") && !body.html.contains("<img src=x"), "{}", body.html);
    for part in [&body.html, &body.text] {
        assert!(!part.contains(['\u{202e}', '\u{2066}', '\u{0}', '\r']), "{part:?}");
    }
}

#[test]
fn a_mail_stays_under_the_size_that_programs_cut_and_says_what_it_left_out() {
    let long = "<&\"'>".repeat(20_000);
    for (case, change) in [
        ("a long message", (|view: &mut MailView, long: &str| view.message = long.to_owned()) as fn(&mut MailView, &str)),
        ("many notes", |view, long| view.notes = vec![long.to_owned(); 100]),
        ("many filters", |view, long| {
            let line = FilterLine { label: long.to_owned(), value: long.to_owned(), key: String::new() };
            view.filters = vec![line; 100];
        }),
        ("wide tables", |view, long| {
            view.tables[0].columns = vec![(long.to_owned(), false); 6];
            view.tables[0].rows = vec![vec![long.to_owned(); 6]; 10];
            view.tables = vec![view.tables[0].clone(); 3];
        }),
        ("long names", |view, long| {
            view.title = long.to_owned();
            view.schedule_name = long.to_owned();
            view.kpis = vec![(long.to_owned(), view.kpis[0].1.clone()); 6];
        }),
    ] {
        let mut view = view();
        change(&mut view, &long);
        let body = sent(&view);
        assert!(body.html.len() <= fit::MOST_BYTES, "{case}: {} bytes", body.html.len());
        assert!(body.html.contains("Unsubscribe"), "{case}: the way off the list is there");
        if case != "long names" {
            assert!(
                body.text.contains("shortened") || body.text.contains("; the dashboard shows them."),
                "{case}: {}",
                &body.text[..2_000]
            );
        }
    }
    assert!(notice_words(&long, &long, &long).html_bytes() <= fit::MOST_BYTES);
    assert!(!sent(&view()).text.contains("shortened"), "a mail that fits is left whole");
}

#[test]
fn key_figures_and_first_rows_are_text() {
    let html = sent(&view()).html;
    for expected in ["Revenue", "$1.23M", "+12.3%", "vs $1.1M in February", "4,210", "Best customers", "$1,200", "東京ブロブ"] {
        assert!(html.contains(expected), "{expected}");
    }
}

#[test]
fn an_alert_is_what_a_list_of_mails_shows_first() {
    let mut view = view();
    assert!(preview(&view).starts_with("Revenue $1.23M · Orders 4,210"), "{}", preview(&view));
    view.notes.push("Alert: “Refunds” has 3 rows.".to_owned());
    assert_eq!(preview(&view), "Alert: “Refunds” has 3 rows.");
}

#[test]
fn r8_r11_a_table_shows_first_rows_formatted_without_hidden_columns_and_states_the_cut() {
    let batch = |rows: usize| {
        let names: Vec<String> = (0..rows).map(|row| format!("{}{row}", "x".repeat(100))).collect();
        let amounts: Vec<f64> = (0..rows).map(|row| row as f64 * 1000.5).collect();
        RecordBatch::try_from_iter([
            ("name", Arc::new(StringArray::from(names.clone())) as ArrayRef),
            ("secret", Arc::new(StringArray::from(names)) as ArrayRef),
            ("amount", Arc::new(Float64Array::from(amounts)) as ArrayRef),
        ])
        .unwrap()
    };
    let read = |rows: usize| {
        let fields = IndexMap::from_iter([
            ("secret".to_owned(), FieldSpec { hidden: true, ..FieldSpec::default() }),
            ("amount".to_owned(), FieldSpec { format: Some("$#,##0".into()), ..FieldSpec::default() }),
        ]);
        let data = TileData { rows: Rows::Batches(vec![batch(rows)]), fields, chart: Chart::new(Mark::Table), truncated: None };
        let at = GridPosition { x: 0, y: 0, w: 12, h: 8 };
        let tile = TileView { key: "1".into(), title: "T".into(), subtitle: None, at, content: TileContent::Data(data.clone()) };
        MailTable::read(&tile, &data, "UTC").unwrap()
    };
    let table = read(3);
    assert_eq!(table.columns, [("Name".to_owned(), false), ("Amount".to_owned(), true)]);
    assert_eq!(table.rows[2], [format!("{}…", "x".repeat(60)), "$2,001".to_owned()]);
    assert_eq!(table.cut(), "");
    assert_eq!((read(11).rows.len(), read(11).cut().as_str()), (10, "The first 10 rows; there are more."));
    assert_eq!((read(10).rows.len(), read(10).cut().as_str()), (10, ""));
    let wide = |more_columns| MailTable { more_columns, ..MailTable::default() }.cut();
    assert_eq!((wide(1).as_str(), wide(3).as_str()), ("There is one more column.", "There are 3 more columns."));
}

/// Words that once meant something to whoever searched a mail for them, and pieces of the markup around places.
fn hostile_words() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("cid:dashboard".to_owned()),
        Just("<!--note-->".to_owned()),
        Just("https://dashboard.invalid/this-reader".to_owned()),
        Just("https://unsubscribe.invalid/this-recipient".to_owned()),
        Just("<img src=\"cid:dashboard\">".to_owned()),
        Just("</body></html>".to_owned()),
        Just("</td></tr>".to_owned()),
        Just("{{ slots.end() }}".to_owned()),
        Just("{\"value\":\"link\"}".to_owned()),
        "[a-z<>&\"' ]{0,12}",
    ];
    proptest::collection::vec(piece, 1..4).prop_map(|pieces| format!("start {} end", pieces.join(" ")))
}

/// The places in the order in which they stand, however deep.
fn places(parts: &[MailPart]) -> Vec<Slot> {
    let within = |part: &MailPart| match part {
        MailPart::Words(_) => Vec::new(),
        MailPart::Value(slot) => vec![*slot],
        MailPart::If(slot, inner) => [vec![*slot], places(inner)].concat(),
    };
    parts.iter().flat_map(within).collect()
}

/// Text as the template escapes it.
fn as_html(text: &str) -> String {
    let named = [('&', "&#38;"), ('<', "&#60;"), ('>', "&#62;"), ('"', "&#34;"), ('\'', "&#39;")];
    named.into_iter().fold(text.to_owned(), |text, (c, entity)| text.replace(c, entity))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn m9_no_word_of_an_author_is_taken_for_a_place_or_removes_one(texts in proptest::collection::vec(hostile_words(), 12)) {
        let mut view = view();
        let expected = mail_words(&view);
        let alt = &mut view.inline_image.as_mut().unwrap().alt;
        let (filter, table, kpi) = (&mut view.filters[0], &mut view.tables[0], &mut view.kpis[0]);
        let written = [
            &mut view.title, &mut view.message, &mut view.organization, &mut view.schedule_name, &mut view.notes[0], &mut filter.label,
            &mut filter.value, &mut table.title, &mut table.columns[0].0, &mut table.rows[0][0], &mut kpi.0, alt,
        ];
        for (place, text) in written.into_iter().zip(&texts) {
            place.clone_from(text);
        }
        let words = mail_words(&view);
        prop_assert_eq!(places(&words.html), places(&expected.html));
        prop_assert_eq!(places(&words.text), places(&expected.text));
        let html = words.html(&FILLED);
        for text in &texts {
            prop_assert!(html.contains(&as_html(text)), "{} is not in {}", text, html);
        }
        prop_assert_eq!(html.matches("<img src=\"cid:dashboard\"").count(), 1);
        let without = words.html(&Filling { picture: None, ..FILLED });
        prop_assert!(!without.contains("<img"), "{}", without);
    }
}
