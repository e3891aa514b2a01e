//! One artifact to one destination; egress policy.
