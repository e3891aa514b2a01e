//! A tile's SQL, with filters and identity bound as parameters, to Arrow record batches.
