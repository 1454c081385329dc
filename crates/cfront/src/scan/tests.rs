//! Outlines of miniatures.
