//! Output options: reading, the rules of §5.1.7 rows 5 to 7, and what is ignored with a warning (design §12).

use pressrun_domain::output::{Format, OutputOptions, PaperFormat, PaperOrientation};

use super::error::AppError;
use super::given::{Fields, Given};

/// The output options of a body.
#[derive(Debug, Default)]
pub(crate) struct OptionFields {
    hide_title: Given<bool>,
    paper_format: Given<PaperFormat>,
    paper_orientation: Given<PaperOrientation>,
    expand_tables: Given<bool>,
    single_column: Given<bool>,
    pages: Given<Vec<String>>,
    show_filters: Given<bool>,
    show_content_link: Given<bool>,
    hide_hidden_fields: Given<bool>,
    enable_formatting: Given<bool>,
    override_row_limit: Given<bool>,
    max_row_limit: Given<u64>,
    filename: Given<String>,
}

impl OptionFields {
    /// Reads the options (row 2).
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, AppError> {
        let paper = if fields.raw("paperFormat").is_given() { "paperFormat" } else { "pageFormat" };
        let read = Self {
            hide_title: fields.flag("hideTitle")?,
            paper_format: fields.word(paper, &PaperFormat::ALL, PaperFormat::as_str)?,
            paper_orientation: fields.word("paperOrientation", &PaperOrientation::ALL, PaperOrientation::as_str)?,
            expand_tables: fields.flag("expandTablesToShowAllRows")?,
            single_column: fields.flag("singleColumnLayout")?,
            pages: fields.texts("pages")?,
            show_filters: fields.flag("showFilters")?,
            show_content_link: fields.flag("showContentLink")?,
            hide_hidden_fields: fields.flag("hideHiddenFields")?,
            enable_formatting: fields.flag("enableFormatting")?,
            override_row_limit: fields.flag_or_number("overrideRowLimit")?,
            max_row_limit: match fields.whole("maxRowLimit")? {
                Given::Value(limit) => Given::Value(
                    u64::try_from(limit)
                        .ok()
                        .filter(|limit| *limit > 0)
                        .ok_or_else(|| AppError::field("maxRowLimit", "Number must be greater than or equal to 1"))?,
                ),
                Given::Null => Given::Null,
                Given::Absent => Given::Absent,
            },
            filename: fields.filled("filename")?,
        };
        if let Some(template) = read.filename.as_ref() {
            if template.chars().count() > 255 {
                return Err(AppError::field("filename", "String must contain at most 255 character(s)"));
            }
            pressrun_domain::naming::check(template).map_err(|error| AppError::field("filename", error.to_string()))?;
        }
        Ok(read)
    }

    /// Rows 5 and 6, for what the body gives.
    pub(crate) fn check(&self, format: Format) -> Result<(), AppError> {
        if format.is_visual() {
            return Ok(());
        }
        if self.hide_title == Given::Value(true) {
            return Err(AppError::invalid("hideTitle can only be used with PDF or PNG formats"));
        }
        let printed = self.paper_format.as_ref().is_some()
            || self.paper_orientation.as_ref().is_some()
            || self.expand_tables == Given::Value(true)
            || self.single_column == Given::Value(true);
        if printed { Err(AppError::invalid("Print options are not supported for this format")) } else { Ok(()) }
    }

    /// The options after this body, and what of it does nothing.
    pub(crate) fn over(self, stored: OutputOptions, format: Format) -> (OutputOptions, Vec<String>) {
        let default = OutputOptions::default();
        let mut warnings = self.ignored(format);
        let mut options = OutputOptions {
            hide_title: self.hide_title.or_default(stored.hide_title, default.hide_title),
            paper_format: self.paper_format.over(stored.paper_format),
            paper_orientation: self.paper_orientation.over(stored.paper_orientation),
            expand_tables_to_show_all_rows: self.expand_tables.or_default(stored.expand_tables_to_show_all_rows, false),
            single_column_layout: self.single_column.or_default(stored.single_column_layout, false),
            pages: self.pages.or_default(stored.pages, Vec::new()),
            show_filters: self.show_filters.or_default(stored.show_filters, default.show_filters),
            show_content_link: self.show_content_link.or_default(stored.show_content_link, default.show_content_link),
            hide_hidden_fields: self.hide_hidden_fields.or_default(stored.hide_hidden_fields, false),
            enable_formatting: self.enable_formatting.or_default(stored.enable_formatting, false),
            override_row_limit: self.override_row_limit.or_default(stored.override_row_limit, false),
            max_row_limit: self.max_row_limit.over(stored.max_row_limit),
            filename: self.filename.over(stored.filename),
        };
        if !format.is_visual() {
            let kept = options.clone();
            options.hide_title = false;
            options.paper_format = None;
            options.paper_orientation = None;
            options.expand_tables_to_show_all_rows = false;
            options.single_column_layout = false;
            if options != kept {
                warnings.push(format!("the stored print options were dropped: format {format} does not take them"));
            }
        }
        (options, warnings)
    }

    fn ignored(&self, format: Format) -> Vec<String> {
        let data = matches!(format, Format::Csv | Format::Json | Format::Xlsx);
        let limit_lifted = self.override_row_limit != Given::Value(false) && self.override_row_limit.is_given();
        let checks = [
            ("paperFormat", self.paper_format.as_ref().is_some() && format != Format::Pdf),
            ("paperOrientation", self.paper_orientation.as_ref().is_some() && format != Format::Pdf),
            ("showFilters", self.show_filters == Given::Value(false) && matches!(format, Format::LinkOnly | Format::Csv)),
            ("showContentLink", self.show_content_link == Given::Value(false) && format == Format::LinkOnly),
            ("hideHiddenFields", self.hide_hidden_fields == Given::Value(true) && !matches!(format, Format::Csv | Format::Xlsx)),
            ("enableFormatting", self.enable_formatting == Given::Value(true) && !data),
            ("overrideRowLimit", self.override_row_limit == Given::Value(true) && !data),
            ("maxRowLimit", self.max_row_limit.as_ref().is_some() && !data),
        ];
        let mut warnings: Vec<String> = checks
            .into_iter()
            .filter(|(_, ignored)| *ignored)
            .map(|(field, _)| format!("{field} is ignored: it has no effect with format {format}"))
            .collect();
        if data && self.max_row_limit.as_ref().is_some() && !limit_lifted {
            warnings.push("maxRowLimit is ignored: it acts only with overrideRowLimit".to_owned());
        }
        warnings
    }
}

/// Row 7, for the options as they will be.
pub(crate) fn check_fit_page(options: &OutputOptions) -> Result<(), AppError> {
    let spread = options.single_column_layout || options.expand_tables_to_show_all_rows;
    if options.paper_format == Some(PaperFormat::FitPage) && spread {
        return Err(AppError::invalid("Single column layout and table expansion options are not supported for FIT_PAGE format."));
    }
    Ok(())
}

/// Formatting and row limits of json, and row limits of xlsx, need one tile (R7, R10; §5.1.7 row 2).
pub(crate) fn check_tile(options: &OutputOptions, format: Format, has_tile: bool) -> Result<(), AppError> {
    let needs = match format {
        Format::Json => options.enable_formatting || options.override_row_limit,
        Format::Xlsx => options.override_row_limit,
        Format::Csv | Format::LinkOnly | Format::Pdf | Format::Png => false,
    };
    if needs && !has_tile { Err(AppError::required("queryIdentifierMapKey")) } else { Ok(()) }
}
