use super::*;

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
        link: Some("https://bi.example.com/dashboards/1?a=1&b=\"2\"".to_owned()),
        filters: vec![
            FilterLine { label: "Region".to_owned(), value: "is US, CA".to_owned(), key: "region".to_owned() },
            FilterLine { label: "Status".to_owned(), value: String::new(), key: "status".to_owned() },
        ],
        kpis: vec![("Revenue".to_owned(), kpi("$1.23M", Some("+12.3%"), Some(true))), ("Orders".to_owned(), kpi("4,210", None, None))],
        inline_image: Some(InlineImage { content_id: "dashboard@pressrun".to_owned(), alt: "Orders: 3 charts".to_owned(), width: 1680 }),
        notes: vec!["\"Orders\" stops at its limit of 1,000 rows".to_owned()],
        unsubscribe: Some("https://bi.example.com/unsubscribe/abc".to_owned()),
        organization: "Blob Inc.".to_owned(),
        schedule_name: "Weekly\r\norders".to_owned(),
        scheduled_for_text: "Monday, March 2, 2026, 09:00 EST".to_owned(),
    }
}

#[test]
fn d11_what_people_wrote_is_escaped_and_lines_are_kept() {
    let html = email_html(&view()).html;
    assert!(html.contains("Orders &#60;weekly&#62;") || html.contains("Orders &lt;weekly&gt;"), "{html}");
    assert!(!html.contains("<script>"));
    assert!(html.contains("Hello,<br>here are the "));
    assert!(!html.contains("b=\"2\""), "an attribute cannot be left");
}

#[test]
fn r2_the_picture_is_named_by_content_id_with_an_alt_and_fits_the_card() {
    let html = email_html(&view()).html;
    assert!(html.contains("src=\"cid:dashboard@pressrun\" width=\"552\" alt=\"Orders: 3 charts\""), "{html}");
    assert!(!html.contains("src=\"http"));
}

#[test]
fn d11_the_text_part_says_everything() {
    assert_eq!(
        email_html(&view()).text,
        "Orders <weekly>\nMonday, March 2, 2026, 09:00 EST\n\nHello,\nhere are the \"numbers\" & more.\n\n<script>alert(1)</script>\n\n\
         ! \"Orders\" stops at its limit of 1,000 rows\n\nRevenue: $1.23M (+12.3%) vs $1.1M in February\nOrders: 4,210\n\n\
         Filters\n  Region: is US, CA\n\nOpen the dashboard: https://bi.example.com/dashboards/1?a=1&b=\"2\"\n\n\
         -- \nBlob Inc. · Weekly orders\nUnsubscribe: https://bi.example.com/unsubscribe/abc\n"
    );
}

#[test]
fn addresses_that_run_something_are_left_out() {
    let mut view = view();
    view.link = Some("javascript:alert(1)".to_owned());
    view.unsubscribe = Some("data:text/html,x".to_owned());
    let html = email_html(&view).html;
    assert!(!html.contains("javascript:") && !html.contains("data:text"));
}

#[test]
fn key_figures_are_text() {
    let html = email_html(&view()).html;
    for expected in ["Revenue", "$1.23M", "+12.3%", "vs $1.1M in February", "4,210"] {
        assert!(html.contains(expected), "{expected}");
    }
}
