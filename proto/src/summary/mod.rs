//! Skeleton: owned by one change at a time.
