//! Reading mail as a user has it: whole inputs in, what a person would count out.

mod fixtures;
mod formats;
mod founding;
mod hostile;
mod mutated;
mod property;
mod series;
