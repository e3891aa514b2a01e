//! What a person causes: use cases and the HTTP contract.
