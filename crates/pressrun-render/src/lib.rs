//! Record batches and layout to csv, json, xlsx, pdf, png and email HTML; pure, synchronous.
