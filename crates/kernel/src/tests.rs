use crate::*;
#[test]
fn all_tables_load() {
    for (name, text) in crate::model::TABLES {
        if let Err(error) = crate::load::load(name, text) {
            panic!("{error}");
        }
    }
    println!("{}", Model::builtin().entries().count());
}
